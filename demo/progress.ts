/** Live progress for people: one line a step. On a terminal the running step is shown with a clock; elsewhere only finished lines. */
import type { WriteStream } from 'node:tty';
import pc from 'picocolors';
import { type DemoEvent, type StepName, steps } from './protocol';
import { duration } from './text';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;
const titleChars = Math.max(...steps.map(({ title }) => title.length));
const eraseLine = '\r\x1b[2K';

export class Progress {
  readonly #paint;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly stream: WriteStream) {
    this.#paint = pc.createColors(stream.isTTY === true && pc.isColorSupported);
  }

  /** A line about what is being done or why. */
  say(line: string): void {
    this.#clear();
    this.stream.write(`${line}\n`);
  }

  heading(text: string): void {
    this.say(`\n${this.#paint.bold(text)}`);
  }

  /** Shows that something takes its time, until the next line. */
  wait(title: string): void {
    this.#clear();
    if (this.stream.isTTY !== true) return;
    const startedAt = performance.now();
    const draw = () => {
      const passedMs = performance.now() - startedAt;
      const frame = frames[Math.floor(passedMs / frameMs) % frames.length];
      const seconds = `${(passedMs / 1000).toFixed(1)} s`;
      // A line that wraps could not be erased.
      const text = `  ${frame} ${title}  ${seconds}`.slice(0, (this.stream.columns || 80) - 1);
      this.stream.write(`${eraseLine}${this.#paint.cyan(text)}`);
    };
    draw();
    this.#timer = setInterval(draw, frameMs);
  }

  /** A part of the preparation is done. */
  done(title: string, ms: number, detail = ''): void {
    this.say(this.#line(true, title, ms, detail));
  }

  event(event: DemoEvent): void {
    if (event.type === 'started') this.wait(titleOf(event.step));
    else if (event.type === 'ended') this.say(this.#line(event.ok, titleOf(event.step), event.ms, event.detail));
  }

  close(): void {
    this.#clear();
  }

  #line(ok: boolean, title: string, ms: number, detail: string): string {
    const mark = ok ? this.#paint.green('✓') : this.#paint.red('✗');
    const time = duration(ms).padStart(8);
    return `  ${mark} ${title.padEnd(titleChars)} ${this.#paint.dim(time)}  ${ok ? this.#paint.dim(detail) : this.#paint.red(detail)}`;
  }

  #clear(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.stream.write(eraseLine);
  }
}

function titleOf(name: StepName): string {
  return steps.find((step) => step.name === name)?.title ?? name;
}
