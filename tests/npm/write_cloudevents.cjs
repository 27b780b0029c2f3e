// Writes the event given as JSON as the official SDK does, a line each in binary and in structured mode.
const { CloudEvent, HTTP } = require("cloudevents");

const event = new CloudEvent(JSON.parse(process.argv[2]));
for (const { headers, body } of [HTTP.binary(event), HTTP.structured(event)]) {
  console.log(JSON.stringify({ headers, body: body ?? "" }));
}
