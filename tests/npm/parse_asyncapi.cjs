// Prints what AsyncAPI's official parser finds in a document: node parse_asyncapi.cjs FILE
const { Parser, fromFile } = require("@asyncapi/parser");

(async () => {
  const { document, diagnostics } = await fromFile(new Parser(), process.argv[2]).parse();
  const messages = document ? document.allMessages().all().map((message) => message.name()) : [];
  const operations = document ? document.allOperations().all().map((operation) => operation.id()) : [];
  console.log(JSON.stringify({ diagnostics, messages, operations }));
})();
