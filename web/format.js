// Numbers, amounts and times in words. Amounts and quantities are decimal strings and stay strings:
// their digits are grouped, never converted to a floating point number.

const count_format = new Intl.NumberFormat();
const rate_format = new Intl.NumberFormat(undefined, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const percent_format = new Intl.NumberFormat(undefined, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const point = new Intl.NumberFormat().formatToParts(1.5).find((p) => p.type === "decimal").value;
const clock_format = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const moment_format = new Intl.DateTimeFormat(undefined, {
  dateStyle: "medium",
  timeStyle: "medium",
});

export const count = (n) => count_format.format(n);
export const rate = (n) => (n >= 1000 ? count_format.format(Math.round(n)) : rate_format.format(n));
export const percent = (n) => `${percent_format.format(n)} %`;
export const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;

/* "-9747747.934" as "−9,747,747.934"; at least `digits` behind the point, never fewer than it has. */
export function decimal(text, digits = 0) {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text ?? "");
  if (match === null) return text ?? "";
  const [, sign, whole, fraction = ""] = match;
  // A BigInt is exact at any length, and Intl groups it as the reader's locale does.
  const grouped = count_format.format(BigInt(whole));
  const behind = fraction.padEnd(digits, "0");
  return (sign && "−") + grouped + (behind && point + behind);
}

function minor_digits(currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions()
      .maximumFractionDigits;
  } catch {
    return 0;
  }
}

export const amount = (text, currency) => decimal(text, currency ? minor_digits(currency) : 0);
export const is_negative = (text) => (text ?? "").startsWith("-");
export const is_zero = (text) => /^-?0(\.0+)?$/.test(text ?? "0");

/* Seconds as a person says them: "0.29 s", "12 s", "3 min 5 s", "2 h 10 min". */
export function duration(seconds) {
  const s = Math.max(0, seconds);
  if (s < 10)
    return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: s < 1 ? 3 : 1 }).format(s)} s`;
  if (s < 60) return `${Math.round(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return plural(Math.floor(s / 86400), "day", "days");
}

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, n)) / 10));
  return `${step === 0 ? count(n) : rate_format.format(n / 1024 ** step)} ${units[step]}`;
}

export const clock = (text) => (text ? clock_format.format(new Date(text)) : "–");
export const moment = (text) => (text ? moment_format.format(new Date(text)) : "–");
export const words = (name) => name.replaceAll("_", " ");
