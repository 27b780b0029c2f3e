// The canonical form of JSON (RFC 8785), and bytes as text.
const canonicalForm = (() => {
  "use strict";
  function written(value) {
    if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
    if (value !== null && typeof value === "object") {
      const names = Object.keys(value).sort(); // by UTF-16 code units, as the RFC says
      return `{${names.map((name) => `${written(name)}:${written(value[name])}`).join(",")}}`;
    }
    if (typeof value === "string" && !value.isWellFormed()) throw new Error("A text holds half of a character.");
    return JSON.stringify(value); // numbers and texts as ECMAScript writes them: the RFC refers to it
  }
  return (value) => new TextEncoder().encode(written(value));
})();
const hexOf = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
const base64Of = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
