/** The server's /api/v1 as functions. The cookie carries the token; errors are sentences of the server's. */

export const API = "/api/v1";

/** What a job says once there are sketches among its files. */
export const SKETCHED = "Sketched.";

export type State = "waiting" | "running" | "done" | "failed" | "cancelled";
export type Wishes = Record<string, unknown>;

export interface Job {
  id: string;
  kind: string;
  wishes: Wishes;
  state: State;
  created: number;
  started: number | null;
  ended: number | null;
  done: number;
  message: string;
  files: string[];
  pictures: string[];
  version: number;
}

export interface Recipe {
  model?: string;
  family?: string;
  prompt?: string | null;
  negative?: string;
  seed?: number;
  steps?: number;
  guidance?: number;
  size?: [number, number];
  extra?: Record<string, unknown>;
}

export interface Entry {
  id: string;
  width: number;
  height: number;
  marks: { created: number; job: string; parents: string[]; tags: string[]; favourite: boolean; trashed: number | null };
  recipe: Recipe;
  likeness?: number;
}

export interface Page {
  pictures: Entry[];
  next: number | null;
  all: number;
}

export interface Word {
  text: string;
  how: "known" | "near" | "ignored";
  near: string;
  tokens: string[];
}

export interface Reading {
  words: Word[];
  left_out: number;
  en: string;
  zh: string;
}

export interface Styles {
  models: string[];
  painters: string[];
  drawing: string[];
  manners: string[];
  titles: Record<string, { en: string; zh: string }>;
  taught: string[];
}

export class Trouble extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(API + path, init);
  } catch {
    throw new Trouble(0, "offline");
  }
  if (!answer.ok) throw new Trouble(answer.status, (await answer.json().catch(() => null))?.detail ?? answer.statusText);
  return (await answer.json()) as T;
}

const json = (method: string, body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method,
  body: JSON.stringify(body),
  headers: { "content-type": "application/json", ...headers },
});

export const file = (id: string): string => `${API}/pictures/${id}/file`;
export const thumb = (id: string): string => `${API}/pictures/${id}/thumb`;
export const svg = (id: string): string => `${API}/pictures/${id}/svg`;
export const uploaded = (id: string): string => `${API}/uploads/${id}`;
export const jobFile = (job: string, name: string): string => `${API}/jobs/${job}/files/${name}`;
/** Where a picture of the gallery (its id has a dash and three digits) or an upload lies. */
export const anyPicture = (id: string): string => (/^[0-9a-f]{32}$/.test(id) ? uploaded(id) : file(id));

/** A job is asked for once, however often the answer is lost on its way. */
export const submit = (kind: string, wishes: Wishes, priority = 0): Promise<Job> =>
  ask("/jobs", json("POST", { kind, wishes, priority }, { "idempotency-key": crypto.randomUUID() }));
export const job = (id: string): Promise<Job> => ask(`/jobs/${id}`);
/** The newest jobs, and the newest trainings and report cards, however many others came since. */
export const jobs = async (): Promise<Job[]> => {
  const kinds = ["train", "teach", "figure", "evaluate"].map((kind) => `kind=${kind}`).join("&");
  const found = await Promise.all(["", `&${kinds}`].map((query) => ask<{ jobs: Job[] }>(`/jobs?count=100${query}`)));
  return found.flatMap((page) => page.jobs);
};
export const again = (id: string): Promise<Job> => ask(`/jobs/${id}/again`, json("POST", {}));
export const cancel = (id: string): Promise<Job> => ask(`/jobs/${id}/cancel`, json("POST", {}));
export const jobFiles = (id: string): Promise<{ files: string[] }> => ask(`/jobs/${id}/files`);
export const styles = (): Promise<Styles> => ask("/styles");
/** Pretrained models that were fetched, painters that were taught. */
export const models = (): Promise<{ models: string[]; painters: string[] }> => ask("/models");
export const reading = (prompt: string, model = ""): Promise<Reading> =>
  ask(`/reading?${new URLSearchParams({ prompt, model })}`);
export const picture = (id: string): Promise<Entry & { parents: Entry[]; children: Entry[] }> => ask(`/pictures/${id}`);
export const like = (id: string): Promise<{ pictures: Entry[] }> => ask(`/pictures/${id}/like?count=12`);
export const mark = (id: string, marks: { favourite?: boolean; tags?: string[]; trashed?: boolean }): Promise<Entry> =>
  ask(`/pictures/${id}`, json("PATCH", marks));
export const emptyTrash = (): Promise<{ removed: number }> => ask("/trash/empty", json("POST", {}));
export const recipe = (data: Blob): Promise<Recipe> => ask("/recipes", { method: "POST", body: data });
export const upload = async (data: Blob): Promise<string> =>
  (await ask<{ id: string }>("/uploads", { method: "POST", body: data })).id;

export function pictures(wanted: {
  before?: number | null;
  words?: string;
  favourite?: boolean;
  trashed?: boolean;
  count?: number;
}): Promise<Page> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(wanted)) if (value != null && value !== "" && value !== false) query.set(name, String(value));
  return ask(`/pictures?${query}`);
}

export async function exported(ids: string[]): Promise<Blob> {
  const answer = await fetch(`${API}/export`, json("POST", { ids }));
  if (!answer.ok) throw new Trouble(answer.status, (await answer.json()).detail);
  return answer.blob();
}

export async function text(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Trouble(answer.status, answer.statusText);
  return answer.text();
}
