/** Strokes on a canvas with pen, mouse or finger, and steps back and forth. */

const STEPS = 40;

export interface Brush {
  colour: string;
  size: number;
  erase: boolean;
}

/** Steps back and forth over all layers at once, their sizes included. */
export class History {
  readonly layers: Layer[] = [];
  private past: ImageData[][] = [];
  private future: ImageData[][] = [];

  /** To be called before anything changes. */
  note(): void {
    this.past.push(this.layers.map((one) => one.all));
    if (this.past.length > STEPS) this.past.shift();
    this.future = [];
  }
  undo(): void {
    this.step(this.past, this.future);
  }
  redo(): void {
    this.step(this.future, this.past);
  }
  private step(from: ImageData[][], to: ImageData[][]): void {
    const found = from.pop();
    if (!found) return;
    to.push(this.layers.map((one) => one.all));
    this.layers.forEach((one, at) => one.put(found[at]!));
  }
  /** Ctrl+Z and Ctrl+Shift+Z, except where letters are undone. */
  keys(event: KeyboardEvent): void {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test((event.target as HTMLElement).tagName);
    if (typing || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    if (event.shiftKey) this.redo();
    else this.undo();
  }
}

export class Layer {
  readonly context: CanvasRenderingContext2D;
  private last: { x: number; y: number } | null = null;

  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly history: History,
    private readonly changed: () => void = () => undefined,
  ) {
    this.context = canvas.getContext("2d", { willReadFrequently: true })!;
    history.layers.push(this);
  }

  get all(): ImageData {
    return this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }
  put(data: ImageData): void {
    this.canvas.width = data.width;
    this.canvas.height = data.height;
    this.context.putImageData(data, 0, 0);
    this.changed();
  }

  clear(colour?: string): void {
    this.history.note();
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (colour) {
      this.context.fillStyle = colour;
      this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    }
    this.changed();
  }

  /** Pointer events of an element of the same shape, drawn with `brush()`. */
  listen(element: HTMLElement, brush: () => Brush | null): () => void {
    const down = (event: PointerEvent): void => {
      if (!brush() || event.button) return;
      this.history.note();
      element.setPointerCapture(event.pointerId);
      this.last = null;
      move(event, true);
    };
    const move = (event: PointerEvent, first = false): void => {
      const now = brush();
      if (!now || (!first && !element.hasPointerCapture(event.pointerId))) return;
      const parts = event.getCoalescedEvents?.() ?? [];
      for (const one of parts.length ? parts : [event]) this.stroke(one, element.getBoundingClientRect(), now);
      this.changed();
    };
    const up = (): void => void (this.last = null);
    const go = (event: PointerEvent): void => move(event);
    element.addEventListener("pointerdown", down);
    element.addEventListener("pointermove", go);
    element.addEventListener("pointerup", up);
    return () => {
      element.removeEventListener("pointerdown", down);
      element.removeEventListener("pointermove", go);
      element.removeEventListener("pointerup", up);
    };
  }

  private stroke(event: PointerEvent, box: DOMRect, brush: Brush): void {
    const scale = this.canvas.width / box.width;
    const x = (event.clientX - box.left) * scale;
    const y = (event.clientY - box.top) * scale;
    const pressure = event.pointerType === "pen" ? 0.35 + 0.65 * event.pressure : 1;
    const c = this.context;
    c.globalCompositeOperation = brush.erase ? "destination-out" : "source-over";
    c.strokeStyle = c.fillStyle = brush.colour;
    c.lineCap = c.lineJoin = "round";
    c.lineWidth = brush.size * scale * pressure;
    c.beginPath();
    c.moveTo(this.last?.x ?? x, this.last?.y ?? y);
    c.lineTo(x, y);
    c.stroke();
    c.globalCompositeOperation = "source-over";
    this.last = { x, y };
  }
}

export const blob = (canvas: HTMLCanvasElement, type = "image/png"): Promise<Blob> =>
  new Promise((good, bad) => canvas.toBlob((data) => (data ? good(data) : bad(new Error("empty canvas"))), type));

export async function opened(source: Blob | string): Promise<ImageBitmap> {
  const data = typeof source === "string" ? await (await fetch(source)).blob() : source;
  return createImageBitmap(data);
}
