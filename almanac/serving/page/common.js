// What the pages share: the user's key, calls of the server, elements, table rows and times.

export const $ = (id) => document.getElementById(id);
const key = new URLSearchParams(location.hash.slice(1)).get("key") ?? sessionStorage.getItem("key");
export const headers = { "Content-Type": "application/json", ...(key && { Authorization: `Bearer ${key}` }) };

if (key) {
  sessionStorage.setItem("key", key);
  history.replaceState(null, "", location.pathname);
}

// Everything is set as text: documents, questions, answers and errors may hold markup.
export function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

export function row(table, cells) {
  const made = document.createElement("tr");
  for (const cell of cells) {
    const place = document.createElement("td");
    place.append(cell);
    made.append(place);
  }
  table.append(made);
}

export const minute = (time) => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;

// The JSON of an address of this server; throws its message where it refuses.
export async function call(path, options = {}) {
  const response = await fetch(path, { ...options, headers });
  const body = await response.json();
  if (!response.ok) throw new Error(body.error?.message ?? response.statusText);
  return body;
}

// Show what an address says, now and every so many seconds; an error stands in the notice.
export async function keep(seconds, address, show) {
  async function look() {
    try {
      show(await call(address));
      $("notice").hidden = true;
    } catch (error) {
      $("notice").textContent = error.message;
      $("notice").hidden = false;
    }
    $("status").setAttribute("aria-busy", "false");
  }
  await look();
  setInterval(look, seconds * 1000);
}
