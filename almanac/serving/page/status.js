// How the lakehouse stands: what answers, the last nights, and what waits for a person.

import { $, element, keep, minute, row } from "./common.js";

const REFRESH_SECONDS = 30;

function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0;
  for (; bytes >= 1000 && at < units.length - 1; at += 1) bytes /= 1000;
  return `${bytes.toFixed(at ? 1 : 0)} ${units[at]}`;
}

const count = (n, noun) => `${n.toLocaleString()} ${noun}${n === 1 ? "" : "s"}`;
const age = (hours) => (hours < 72 ? `${hours.toFixed(0)} hours` : `${(hours / 24).toFixed(0)} days`);

const dollars = (usd) => `$${Number(usd).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: usd < 1 ? 6 : 2 })}`;
const budget = (one) => `${one.budget}${one.user ? ` of ${one.user}` : ""} ${(100 * one.share).toFixed(0)} % of ` +
  `${one.unit === "usd" ? dollars(one.limit) : `${Number(one.limit).toLocaleString()} tokens`} a ${one.window}`;

function headline(found) {
  const release = found.release;
  if (!release) return "No release answers.";
  return `Release ${release.release} answers, as of ${minute(release.as_of)} (${age(release.age_hours)} old): ` +
    `${count(release.documents, "document")}, ${count(release.rows, "passage")}, model ${release.model}.`;
}

function figures(found) {
  const { quarantine, dislikes, journal, adapters, lease, disk, costs } = found;
  const list = (counts) => Object.entries(counts).map(([name, n]) => `${n} ${name}`).join(", ") || "none";
  return {
    "Quarantine": `${count(quarantine.kept_out, "document")} kept out, ${quarantine.noted} with a note (${list(quarantine.rules)})`,
    "Requests": `${dislikes.requests.toLocaleString()}, ${dislikes.disliked} disliked, ${dislikes.not_looked_into} of them not looked into`,
    "Causes": list(dislikes.causes),
    "Journal": count(journal.rows, "row"),
    "Adapters": list(adapters.stages),
    "Cost": `${dollars(costs.usd_today)} today, ${dollars(costs.usd_month)} this month`,
    "Budgets": costs.budgets.map(budget).join("; ") || "none",
    "Writer": lease.held ? `${lease.purpose}, since ${minute(lease.since)}` : "nobody",
    "Size": size(disk.bytes) + (disk.free_bytes === null ? "" : `, ${size(disk.free_bytes)} free`),
    "Seen": minute(found.at),
  };
}

function show(found) {
  $("headline").textContent = headline(found);
  const steps = $("steps").tBodies[0];
  steps.replaceChildren();
  for (const step of found.steps) {
    row(steps, [element("span", step.level, `level ${step.level}`), element("span", step.is), element("code", step.next)]);
  }
  if (!found.steps.length) row(steps, [element("span", "Nothing waits for anybody.")]);
  const nights = $("nights").tBodies[0];
  nights.replaceChildren();
  for (const night of found.nights) {
    const bad = ["failed", "refused"].includes(night.status);
    const time = element(night.address ? "a" : "span", minute(night.as_of));
    if (night.address) time.href = night.address;
    row(nights, [time, element("span", night.status, bad ? "wrong" : ""), element("span", night.release ?? ""), element("span", night.message)]);
  }
  $("figures").replaceChildren(...Object.entries(figures(found)).flatMap(([name, said]) => [element("dt", name), element("dd", said)]));
}

await keep(REFRESH_SECONDS, "/v1/status", show);
