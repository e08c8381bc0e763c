// Reads an AsyncAPI document on stdin, lets the official parser judge it, and says what it found as JSON.
const { Parser } = require('@asyncapi/parser');

async function main() {
  const text = require('node:fs').readFileSync(0, 'utf8');
  const { document, diagnostics } = await new Parser().parse(text);
  const said = diagnostics.map((one) => ({ code: one.code, severity: one.severity, message: one.message, path: one.path.join('.') }));
  const messages = document ? document.allMessages().all().map((message) => message.name()) : [];
  const channels = document ? document.allChannels().all().map((channel) => channel.address()) : [];
  process.stdout.write(JSON.stringify({ valid: document !== undefined, diagnostics: said, messages, channels }));
}

main();
