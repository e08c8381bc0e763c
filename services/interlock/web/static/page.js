// What a page does where there is JavaScript: it stays as new as the record, and listens to keys. Without it, everything
// is there all the same, as of the moment when the page was asked for.
import { listen } from "./keys.js";
import { morph } from "./morph.js";
import { Stream } from "./stream.js";
import { clock, local, relative, whole } from "./times.js";

const REFRESH_MS = 120;
const AGAIN_MS = 1_000;
// Rules know of times that are not on the page: so a page that is looked at is never older than this.
const STALE_MS = 60_000;

const body = document.body;
const live = document.querySelector("#live");
const past = "past" in body.dataset;

let position = Number(body.dataset.position);
// The instant as of which the page was made.
let made = Date.parse(body.dataset.now);
// What time it is here: the server's, and for how long it has been so.
let told = { at: Date.parse(body.dataset.now), heard: performance.now() };
let standing = "testClock" in body.dataset;
let state = { state: "connecting", since: Date.now(), position };
let alone = false;
let behindSince = null;
let refreshing = false;
let wanted = false;
let timer = null;

const now = () => (standing || past ? told.at : told.at + performance.now() - told.heard);

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  const at = now();
  const shown = document.querySelector("#clock");
  if (shown) {
    write(shown, whole(at));
    shown.dateTime = new Date(at).toISOString();
  }
  let fell = at - made > STALE_MS;
  for (const each of document.querySelectorAll("[data-rel]")) {
    const when = Date.parse(each.dataset.rel);
    write(each, relative(when, at, Number(each.dataset.units)));
    // What was waited for is here: gates, leases and windows may stand otherwise now.
    if ("due" in each.dataset && when <= at && when > made) fell = true;
  }
  for (const bar of document.querySelectorAll("progress[data-share-to]")) {
    const [from, to] = [Date.parse(bar.dataset.shareFrom), Date.parse(bar.dataset.shareTo)];
    bar.value = to > from ? Math.max(0, Math.min(100, Math.round((100 * (at - from)) / (to - from)))) : 100;
  }
  if (fell && !past && state.state === "live") refresh();
}

// GMT stands on the page; what that is here, whoever points at it is told.
function tellLocal() {
  for (const each of document.querySelectorAll("time[datetime][title]")) {
    const here = local(Date.parse(each.dateTime));
    if (here && !each.title.includes("(")) each.title = each.title.replace(" GMT", ` GMT (${here})`);
  }
}

function shape(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", `m m-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#m-${name}`);
  svg.append(use);
  return svg;
}

// The mark says one thing at a time, and is not spoken anew while it stays the same.
function mark() {
  if (past) return;
  const at = `@${position.toLocaleString("en")}`;
  let said = ["wait", "connecting", ` as of ${at}`];
  if (state.state === "over") said = ["fail", "signed out", " what you see is old"];
  else if (state.state === "away") said = ["fail", `away since ${clock(state.since)}`, `, as of ${at}, trying again`];
  else if (behindSince !== null) said = ["wait", `behind since ${clock(behindSince)}`, `, as of ${at}, trying again`];
  else if (state.state === "live") said = ["here", "live", ` ${at}${alone ? ", a stream of this tab alone" : ""}`];
  const text = said[1] + said[2];
  live.dataset.state = behindSince !== null && state.state === "live" ? "behind" : state.state;
  live.dataset.position = String(position);
  if (live.dataset.text === text) return;
  live.dataset.text = text;
  const strong = document.createElement("b");
  strong.textContent = said[1];
  live.replaceChildren(shape(said[0]), strong, said[2]);
  if (state.state === "over") {
    const link = document.createElement("a");
    link.href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = "sign in again";
    live.append(" · ", link);
  }
}

async function refresh() {
  wanted = true;
  if (refreshing || past || document.hidden) return;
  refreshing = true;
  try {
    while (wanted) {
      wanted = false;
      await new Promise((done) => setTimeout(done, REFRESH_MS));
      await fetched();
    }
  } finally {
    refreshing = false;
  }
}

async function fetched() {
  let fresh;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual", cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    fresh = null;
  }
  const parts = fresh?.querySelectorAll("[data-part]") ?? [];
  if (fresh === null || !("position" in fresh.body.dataset)) {
    late();
    return;
  }
  for (const part of parts) {
    const old = document.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!old) {
      wholly(fresh);
      break;
    }
    // The mark says what this tab knows, not what the page was like without JavaScript.
    const mark = part.querySelector("#live");
    if (mark) mark.replaceWith(live.cloneNode(true));
    morph(old, part);
  }
  for (const old of document.querySelectorAll("[data-part]")) {
    if (!fresh.querySelector(`[data-part="${old.dataset.part}"]`)) old.remove();
  }
  position = Number(fresh.body.dataset.position);
  body.dataset.position = String(position);
  body.dataset.now = fresh.body.dataset.now;
  made = Date.parse(body.dataset.now);
  told = { at: made, heard: performance.now() };
  if (position < state.position) late();
  else behindSince = null;
  mark();
  tick();
  tellLocal();
}

// A part came that was not there: the content as a whole is made what it is now.
function wholly(fresh) {
  morph(document.querySelector("#main"), fresh.querySelector("#main"));
}

function late() {
  behindSince ??= Date.now();
  mark();
  clearTimeout(timer);
  timer = setTimeout(refresh, AGAIN_MS);
}

function heard(news) {
  const back = state.state !== "live" && news.state === "live";
  state = news;
  if (news.now) {
    // A clock that stands never goes back; news of a position bring along what time it was when that was last told.
    const at = Math.max(Date.parse(news.now), news.testClock ? told.at : 0);
    standing = news.testClock;
    told = { at, heard: performance.now() - (Date.now() - news.heardAt) };
    tick();
  }
  if (news.position > position || (back && wanted)) refresh();
  mark();
}

function connect() {
  const address = new URL(`${body.dataset.base}live`, location.href).href;
  try {
    const worker = new SharedWorker(body.dataset.worker, { type: "module", name: "interlock" });
    const begin = () => worker.port.postMessage({ look: address, after: position });
    worker.port.addEventListener("message", ({ data }) => heard(data));
    worker.addEventListener("error", () => tabAlone(address), { once: true });
    worker.port.start();
    begin();
    addEventListener("pagehide", () => worker.port.postMessage({ bye: true }));
    addEventListener("pageshow", (event) => event.persisted && begin());
    document.addEventListener("visibilitychange", () => document.hidden || worker.port.postMessage({ wake: true }));
  } catch {
    tabAlone(address);
  }
}

function tabAlone(address) {
  alone = true;
  const stream = new Stream(address, position);
  stream.listen(heard);
  addEventListener("pagehide", () => stream.close());
  document.addEventListener("visibilitychange", () => document.hidden || stream.wake());
}

listen();
tick();
tellLocal();
setInterval(tick, 1_000);
if (!past) {
  mark();
  connect();
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && (wanted || position < state.position)) refresh();
  });
}
