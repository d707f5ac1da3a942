/** What all rooms share: the room one is in, the jobs, what is said at the edge of the page, and the words to paint. */

import * as api from "./api";
import { sentence, t } from "./i18n.svelte";

export const ROOMS = ["paint", "live", "canvas", "restyle", "teach", "lab", "gallery"] as const;
export type Room = (typeof ROOMS)[number];

const room = (): Room => {
  const name = location.hash.slice(1).split("/")[0] as Room;
  return ROOMS.includes(name) ? name : "paint";
};

export const place = $state({ room: room() });
addEventListener("hashchange", () => (place.room = room()));
export const go = (to: Room): void => void (location.hash = to);

// What is asked for.

export interface Asked {
  prompt: string;
  negative: string;
  style: string;
  seed: number;
  fresh: boolean;
  steps: number;
  guidance: number;
  chaos: number;
  size: number;
  n: number;
  transparent: boolean;
  tile: boolean;
  /** how often each picture is painted; the one that fits the words best stays */
  tries: number;
  /** tries of the recipe that was taken up, for its seed; 0 where none was */
  again: number;
  /** a pretrained model; "" is the painter that comes with Danqing */
  model: string;
  /** of a pretrained model: 0 leaves steps, guidance and size to it */
  its: { steps: number; guidance: number; size: number };
}

const BLANK: Asked = {
  prompt: "", negative: "", style: "fluent-flat", seed: 0, fresh: true, steps: 6, guidance: 3, chaos: 0, size: 512, n: 4,
  transparent: false, tile: false, tries: 3, again: 0, model: "", its: { steps: 0, guidance: 0, size: 0 },
};
const kept = JSON.parse(localStorage.getItem("asked") ?? "{}") as Partial<Asked>;
export const asked = $state<Asked>({ ...BLANK, ...kept, tries: (kept.again === undefined ? 0 : kept.tries) || BLANK.tries });
export const remember = (): void => localStorage.setItem("asked", JSON.stringify(asked));

/** What a pretrained model is asked: what it does not do is left out. */
function asksModel(): api.Wishes {
  const found: api.Wishes = { prompt: asked.prompt, seed: asked.seed, n: asked.n, model: asked.model };
  for (const name of ["steps", "guidance", "size"] as const) if (asked.its[name]) found[name] = asked.its[name];
  if (asked.negative) found.negative = asked.negative;
  if (asked.tile) found.tile = true;
  return found;
}

export function wishes(): api.Wishes {
  if (asked.model && known.models.includes(asked.model)) return asksModel();
  const found: api.Wishes = {
    prompt: asked.prompt, seed: asked.seed, n: asked.n, size: asked.size, steps: asked.steps, guidance: asked.guidance,
  };
  if (known.painters.includes(asked.model)) found.model = asked.model;
  if (asked.negative) found.negative = asked.negative;
  if (asked.style !== "default") found.style = asked.style;
  if (asked.chaos) found.chaos = asked.chaos;
  if (asked.transparent) found.transparent = true;
  if (asked.tile) found.tile = true;
  found.tries = (!asked.fresh && asked.again) || asked.tries;
  return found;
}

/** Take up the recipe of a picture. */
export function remix(recipe: api.Recipe): void {
  const extra = recipe.extra ?? {};
  const there = [...known.models, ...known.painters].includes(recipe.model ?? "");
  asked.model = there ? (recipe.model ?? "") : "";
  if (known.models.includes(asked.model)) {
    asked.its = { steps: recipe.steps ?? 0, guidance: recipe.guidance ?? 0, size: Math.max(...(recipe.size ?? [0])) };
    Object.assign(asked, { prompt: recipe.prompt ?? "", negative: recipe.negative ?? "", seed: recipe.seed ?? 0, fresh: false, again: 0, tile: !!extra.tile });
    go("paint");
    return;
  }
  Object.assign(asked, {
    prompt: recipe.prompt ?? "", negative: recipe.negative ?? "", seed: recipe.seed ?? 0, fresh: false,
    steps: recipe.steps ?? BLANK.steps, guidance: recipe.guidance ?? BLANK.guidance, style: (extra.style as string) ?? (extra.drawn_as as string) ?? "any",
    size: (extra.size as number) ?? Math.max(...(recipe.size ?? [BLANK.size])), chaos: (extra.chaos as number) ?? 0, transparent: !!extra.transparent, tile: !!extra.tile,
    again: (extra.tries as number) ?? 1,
  });
  go("paint");
}

// What is said.

export interface Said {
  id: number;
  text: string;
  kind: "good" | "bad";
  undo?: () => void;
}
export const toasts = $state<Said[]>([]);
let count = 0;

export function say(text: string, kind: Said["kind"] = "good", undo?: () => void): void {
  const id = ++count;
  toasts.push({ id, text: sentence(text), kind, undo });
  setTimeout(() => hush(id), kind === "bad" || undo ? 9000 : 3500);
}
export const hush = (id: number): void => {
  const at = toasts.findIndex((one) => one.id === id);
  if (at >= 0) toasts.splice(at, 1);
};
/** Run something that may fail, and say so if it does. */
export async function tried<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    say(error instanceof Error ? error.message : t("failed"), "bad");
    return undefined;
  }
}

// Jobs, as the server tells of them; a lost stream is taken up where it ended.

export const jobs = $state<Record<string, api.Job>>({});
export const link = $state({ up: true });

function heard(one: api.Job): void {
  const known = jobs[one.id];
  if (!known || known.version < one.version) jobs[one.id] = one;
}

export async function follow(): Promise<void> {
  let since = 0;
  const first = await tried(api.jobs());
  for (const one of first ?? []) {
    heard(one);
    since = Math.max(since, one.version);
  }
  const stream = new EventSource(`${api.API}/events?since=${since}`);
  stream.addEventListener("job", (event) => heard(JSON.parse((event as MessageEvent<string>).data) as api.Job));
  stream.onopen = () => {
    if (!link.up) say(t("back"));
    link.up = true;
  };
  stream.onerror = () => (link.up = false);
}

export async function submit(kind: string, wanted: api.Wishes): Promise<api.Job | undefined> {
  const one = await tried(api.submit(kind, wanted));
  if (one) heard(one);
  return one;
}

export const over = (job: api.Job | undefined): boolean => !!job && !["waiting", "running"].includes(job.state);
export const newest = (): api.Job[] => Object.values(jobs).sort((a, b) => b.created - a.created);

/** Seconds that are left, from the pace so far; null while it is unknown. */
export function left(job: api.Job, now: number): number | null {
  if (job.state !== "running" || !job.started || job.done < 0.03) return null;
  const spent = now / 1000 - job.started;
  return spent > 0 ? (spent * (1 - job.done)) / job.done : null;
}

export const clock = $state({ now: Date.now() });
setInterval(() => (clock.now = Date.now()), 1000);

// Pictures that one room hands to another.

export const handed = $state<{ canvas: string | null; restyle: string | null; blend: string[] }>({ canvas: null, restyle: null, blend: [] });
export const known = $state<api.Styles>({ models: [], painters: [], drawing: [], manners: [], titles: {}, taught: [] });
export const askStyles = async (): Promise<void> => {
  Object.assign(known, (await tried(api.styles())) ?? {});
  Object.assign(known, (await tried(api.models())) ?? {});
};

/** The picture that is looked at in large; null for none. */
export const viewed = $state<{ id: string | null }>({ id: null });
