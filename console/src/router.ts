// Addresses behind #, as "#/dispatches/{uuid}?status=running": the server has one page only.
import { signal } from "@preact/signals";

export interface Route {
  page: string;
  id: string;
  query: Record<string, string>;
}

function read(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page = "", id = ""] = path.split("/");
  return { page: page || "overview", id: decoded(id), query: Object.fromEntries(new URLSearchParams(query)) };
}

/** What somebody typed may be no text. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const route = signal(read());
addEventListener("hashchange", () => (route.value = read()));

export function href(page: string, id = "", query: Record<string, string> = {}): string {
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return `#/${page}${id ? `/${encodeURIComponent(id)}` : ""}${text ? `?${text}` : ""}`;
}

export function go(page: string, id = "", query: Record<string, string> = {}): void {
  location.hash = href(page, id, query);
}

/** The same without a place of its own in the browser's history: for what is typed, letter by letter. */
export function become(page: string, id = "", query: Record<string, string> = {}): void {
  history.replaceState(null, "", href(page, id, query));
  route.value = read();
}
