// Appends with Emmett's PostgreSQL store for so many seconds; prints how long each took, in seconds, as JSON.
//
//     node append.mjs CONNECTION CALLERS SECONDS PREFIX HOT
//
// Each caller writes the next event of its own stream, expecting the version that it saw, or (HOT = hot) all of them the
// next event of one stream, and read it again where somebody was faster.
import { performance } from 'node:perf_hooks';
import { isExpectedVersionConflictError } from '@event-driven-io/emmett';
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';

const [connection, callers, seconds, prefix, hot] = process.argv.slice(2);
const store = getPostgreSQLEventStore(connection);
const padding = 'x'.repeat(500);
await store.appendToStream(`${prefix}-warm`, [{ type: 'Placed', data: { padding } }]);

const taken = [];
const began = performance.now();
const until = began + Number(seconds) * 1000;

async function append(stream, version) {
  const expectedStreamVersion = version === null ? 'STREAM_DOES_NOT_EXIST' : version;
  const event = { type: 'Placed', data: { padding, number: String(version) } };
  return (await store.appendToStream(stream, [event], { expectedStreamVersion })).nextExpectedStreamVersion;
}

async function own(number) {
  let version = null;
  while (performance.now() < until) {
    const at = performance.now();
    version = await append(`${prefix}-${number}`, version);
    taken.push((performance.now() - at) / 1000);
  }
}

async function shared() {
  const stream = `${prefix}-hot`;
  while (performance.now() < until) {
    const at = performance.now();
    for (;;) {
      const read = await store.readStream(stream);
      try {
        await append(stream, read.streamExists ? read.currentStreamVersion : null);
        break;
      } catch (error) {
        if (!isExpectedVersionConflictError(error)) throw error;
        if (performance.now() > until) return;
      }
    }
    taken.push((performance.now() - at) / 1000);
  }
}

await Promise.all(Array.from({ length: Number(callers) }, (_, number) => (hot === 'hot' ? shared() : own(number))));
console.log(JSON.stringify({ seconds: (performance.now() - began) / 1000, taken }));
await store.close();
