// Shared by all tabs of this browser: one stream for each project, however many tabs look at it.
import { Stream } from "./stream.js";

const streams = new Map();

self.addEventListener("connect", (event) => {
  const [port] = event.ports;
  let stream = null;
  const tell = (told) => port.postMessage(told);

  port.addEventListener("message", ({ data }) => {
    if (data.look) {
      stream = streams.get(data.look);
      // Somebody signed in again: what was over begins anew.
      if (!stream || stream.told.state === "over") {
        stream?.close();
        stream = new Stream(data.look, data.after);
        streams.set(data.look, stream);
      }
      stream.listen(tell);
    } else if (data.wake) {
      stream?.wake();
    } else if (data.bye) {
      stream?.forget(tell);
    }
  });
  port.start();
});
