// Times as the server writes them: "in 1 d 18 h", "9 m ago", "Thu 2026-11-26 14:05 GMT".

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const two = (number) => String(number).padStart(2, "0");

export function span(ms, units) {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  if (seconds < 60) return `${seconds} s`;
  let parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
  ];
  while (parts[0][0] === 0) parts.shift();
  parts = parts.slice(0, units);
  while (parts.at(-1)[0] === 0) parts.pop();
  return parts.map(([count, unit]) => `${count} ${unit}`).join(" ");
}

export function relative(at, now, units) {
  const ms = at - now;
  if (ms === 0) return "now";
  return ms > 0 ? `in ${span(ms, units)}` : `${span(ms, units)} ago`;
}

export function whole(now) {
  const at = new Date(now);
  const day = `${DAYS[at.getUTCDay()]} ${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
  return `${day} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())} GMT`;
}

// What a time is on this machine, beside what it is in GMT; nothing where that is the same.
export function local(at) {
  const here = new Date(at);
  if (here.getTimezoneOffset() === 0) return "";
  return here.toLocaleString("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
}

// The time of day, for "since 14:03": GMT too, so that two people say the same.
export function clock(ms) {
  const at = new Date(ms);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}
