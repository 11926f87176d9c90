// A house for the tests: the real programs in a temporary directory, and a Chromium that trusts
// nothing but this house's CA. Everything is awaited by an event, and everything ends with the house.

import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

const run = promisify(execFile);

const BIN_DIR = resolve(process.env["INTERCOM_BIN_DIR"] ?? "../target/debug");
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
/** How long anything may take. */
export const PATIENCE_MS = 60_000;
/** How many of a program's last lines a failure shows. */
const LAST_LINES = 40;

const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
];

export type Access = "deny" | "watch" | "full";

/** One program under test. */
export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #lines: string[] = [];
  /** The exit code, null after a signal. */
  readonly exited: Promise<number | null>;
  /** The last of all, stdout and stderr as they came. */
  readonly #said: string[] = [];
  #waiting: (() => void)[] = [];
  #ended = false;

  constructor(name: string, args: readonly string[]) {
    this.#name = name;
    // The kernel ends it with us, also when we are killed.
    const program = ["--pdeathsig", "KILL", join(BIN_DIR, name), ...args];
    this.#child = spawn("setpriv", program, { stdio: ["ignore", "pipe", "pipe"] });
    this.exited = once(this.#child, "close").then(([code]) => {
      this.#ended = true;
      this.#wake();
      return code as number | null;
    });
    const { stdout, stderr } = this.#child;
    if (stderr) createInterface(stderr).on("line", (line) => this.#note(line));
    if (stdout) {
      createInterface(stdout).on("line", (line) => {
        this.#note(line);
        this.#lines.push(line);
        this.#wake();
      });
    }
  }

  /** How it is, and the last that it said: for whoever has to find out why a test failed. */
  report(): string {
    const state = this.#ended ? `ended (${this.#child.exitCode})` : "still runs";
    return `${this.#name} ${state}; it said:\n${this.#said.join("\n")}`;
  }

  /** The first line on stdout that matches; lines are looked at once. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    deadline.addEventListener("abort", () => this.#wake());
    for (;;) {
      const line = this.#lines.shift();
      const match = line === undefined ? null : pattern.exec(line);
      if (match) return match;
      if (line !== undefined) continue;
      if (this.#ended || deadline.aborted) throw this.#failure(`no line like ${String(pattern)}`);
      await new Promise<void>((wake) => this.#waiting.push(wake));
    }
  }

  /** Ends it and waits until it is gone. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (!this.#ended) this.#child.kill(signal);
    await this.exited;
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #note(line: string): void {
    this.#said.push(line);
    if (this.#said.length > LAST_LINES) this.#said.shift();
  }

  #failure(what: string): Error {
    return new Error(`${this.#name}: ${what}; ${this.report()}`);
  }
}

export class House {
  readonly dir: string;
  port = 0;
  #signaller: Program | null = null;
  readonly #programs: Program[] = [];
  readonly #browsers: Browser[] = [];

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async open(anonymous: Access = "full", ...flags: string[]): Promise<House> {
    const house = new House(await mkdtemp(join(tmpdir(), "intercom-e2e-")));
    await house.startSignaller(anonymous, ...flags);
    return house;
  }

  get url(): string {
    return `https://localhost:${this.port}/`;
  }

  get ca(): string {
    return join(this.dir, "data/pki/ca.pem");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#browsers.map((browser) => browser.close()));
    await Promise.all(this.#programs.map((program) => program.stop("SIGKILL")));
    await rm(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** On the port it had before, if it had one. */
  async startSignaller(anonymous: Access = "full", ...flags: string[]): Promise<void> {
    const listen = ["--listen", `[::]:${this.port}`, "--data-dir", join(this.dir, "data")];
    const access = ["--anonymous", anonymous, "--local-peers", anonymous, ...flags];
    this.#signaller = this.start("intercom-signaller", ["serve", ...listen, ...access]);
    const [, port] = await this.#signaller.line(/^listening on https:\/\/.*:(\d+)$/);
    this.port = Number(port);
  }

  /** The port of an old protocol, once its flag was given. */
  async portOf(scheme: string): Promise<number> {
    if (!this.#signaller) throw new Error("there is no signaller");
    const listening = new RegExp(`^listening on ${scheme}://.*:(\\d+)$`);
    const [, port] = await this.#signaller.line(listening);
    return Number(port);
  }

  /** How all of its programs are, and the last that each said. */
  report(): string {
    return this.#programs.map((program) => program.report()).join("\n\n");
  }

  async killSignaller(): Promise<void> {
    await this.#signaller?.stop("SIGKILL");
  }

  /** A command of the signaller on the house's accounts; `input` is what it reads, such as a password. */
  async manage(command: string, input = ""): Promise<string> {
    const args = [...command.split(" "), "--data-dir", join(this.dir, "data")];
    const done = run(join(BIN_DIR, "intercom-signaller"), args);
    done.child.stdin?.end(input);
    return (await done).stdout.trim();
  }

  /** Makes a device's account; a file with its token. */
  async device(name: string): Promise<string> {
    await this.manage(`account add ${name} --kind device`);
    const file = join(this.dir, `${name}.token`);
    await writeFile(file, await this.manage(`token create ${name}`), { mode: 0o600 });
    return file;
  }

  /** Starts a producer and waits until it is on air; without a token, as a guest. */
  async producer(name: string, video = "test:ball", token?: string): Promise<Program> {
    const media = ["--video", video, "--audio", "test", "--size", "1280x720@30"];
    const login = token === undefined ? [] : ["--token-file", token];
    const args = [...this.#server(), "--name", name, ...media, ...login];
    const program = this.start("intercom-producer", args);
    await program.line(/^on air: /);
    return program;
  }

  /** Starts a device that answers everybody; its loudspeaker is a file. */
  async phone(name: string, speaker: string): Promise<Program> {
    const token = ["--token-file", await this.device(name), "--name", name];
    const media = ["--video", "test:ball", "--audio", "test", "--speaker", `file:${speaker}`];
    const args = [...this.#server(), ...token, ...media, "--answer", "auto"];
    const program = this.start("intercom-producer", args);
    await program.line(/^on air: /);
    return program;
  }

  consumer(...args: string[]): Program {
    return this.start("intercom-consumer", [...this.#server(), ...args]);
  }

  /** The ids of the producers of that name, as `intercom-consumer --list` tells them. */
  async peerIds(name: string): Promise<string[]> {
    const { stdout } = await run(join(BIN_DIR, "intercom-consumer"), [...this.#server(), "--list"]);
    const rows = stdout.split("\n").map((line) => line.split("\t"));
    return rows.filter((row) => row[1] === name).flatMap(([id]) => id ?? []);
  }

  async browser(...flags: string[]): Promise<Browser> {
    const home = await mkdtemp(join(this.dir, "home-"));
    const db = join(home, ".pki/nssdb");
    await mkdir(db, { recursive: true });
    await run("certutil", ["-N", "--empty-password", "-d", `sql:${db}`]);
    const add = ["-A", "-t", "C,,", "-n", "intercom", "-i", this.ca, "-d", `sql:${db}`];
    await run("certutil", add);
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      timeout: PATIENCE_MS,
      args: [...CHROMIUM_FLAGS, ...flags],
      env: { ...(process.env as Record<string, string>), HOME: home },
    });
    this.#browsers.push(browser);
    return browser;
  }

  start(name: string, args: readonly string[]): Program {
    const program = new Program(name, args);
    this.#programs.push(program);
    return program;
  }

  #server(): string[] {
    return ["--server", `wss://localhost:${this.port}`, "--ca", this.ca];
  }
}

/** What a page did that a test may not see on it. */
export interface Trace {
  /** Every address that was asked for, WebSockets included. */
  readonly requests: string[];
  /** All that went over WebSockets, both ways. */
  readonly said: string[];
  /** Errors on the console, uncaught ones, violations of the content security policy. */
  readonly errors: string[];
}

/** Camera and microphone without asking. */
export const PERMIT = "--use-fake-ui-for-media-stream";

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; trace: Trace }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const trace: Trace = { requests: [], said: [], errors: [] };
  context.on("request", (request) => trace.requests.push(request.url()));
  await context.addInitScript(recordConnections);
  const page = await context.newPage();
  page.on("websocket", (socket) => {
    trace.requests.push(socket.url());
    for (const event of ["framesent", "framereceived"] as const)
      socket.on(event as "framesent", ({ payload }) => trace.said.push(String(payload)));
  });
  page.on("pageerror", (error) => trace.errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") trace.errors.push(message.text());
  });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(url);
  return { page, trace };
}

/** In the list: a producer that can be watched, and the one that is. */
export const offered = (name: string): string => inList(name, false);
export const watched = (name: string): string => inList(name, true);

/** The configurations of all connections that the page has made, in order. */
export async function connections(page: Page): Promise<RTCConfiguration[]> {
  return page.evaluate(() => (window as unknown as Recorded).connections);
}

/** Waits for so many frames of a watched picture of this size, from now on. */
export async function frames(page: Page, count: number, size?: [number, number]): Promise<void> {
  await page.locator("video[aria-label^='Live']").first().waitFor({ state: "attached" });
  await page.evaluate(
    ({ count, size }) =>
      new Promise<void>((resolve) => {
        const video = document.querySelector<HTMLVideoElement>("video[aria-label^='Live']");
        if (!video) throw new Error("nothing is watched");
        let seen = 0;
        const look: VideoFrameRequestCallback = (_now, { width, height }) => {
          if (!size || (width === size[0] && height === size[1])) seen += 1;
          if (seen >= count) resolve();
          else video.requestVideoFrameCallback(look);
        };
        video.requestVideoFrameCallback(look);
      }),
    { count, size: size ?? null },
  );
}

/** Waits until what is watched, or the other side, is louder than a whisper; its peak, 0 to 1. */
export async function sound(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const video = document.querySelector<HTMLVideoElement>("video[aria-label^='Live']");
    if (!(video?.srcObject instanceof MediaStream)) throw new Error("nothing is heard");
    const context = new AudioContext();
    await context.resume();
    const analyser = context.createAnalyser();
    const samples = new Float32Array(analyser.fftSize);
    let source: MediaStreamAudioSourceNode | null = null;
    return new Promise<number>((resolve) => {
      const look = (): void => {
        const { srcObject } = video;
        // What fell silent for long comes as another stream.
        const stream = srcObject instanceof MediaStream ? srcObject : null;
        if (stream?.getAudioTracks().length && stream !== source?.mediaStream) {
          source?.disconnect();
          source = context.createMediaStreamSource(stream);
          source.connect(analyser);
        }
        analyser.getFloatTimeDomainData(samples);
        const peak = Math.max(...samples.map(Math.abs));
        if (peak <= 0.01) {
          requestAnimationFrame(look);
          return;
        }
        void context.close();
        resolve(peak);
      };
      look();
    });
  });
}

export async function readText(path: string): Promise<string> {
  return readFile(path, "utf8");
}

function inList(name: string, pressed: boolean): string {
  return `button[data-peer][aria-pressed="${pressed}"]:has-text("${name}")`;
}

interface Recorded {
  connections: RTCConfiguration[];
}

/** Runs in the page before anything else. */
function recordConnections(): void {
  const recorded = window as unknown as Recorded;
  recorded.connections = [];
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      recorded.connections.push(configuration ?? {});
    }
  };
  document.addEventListener("securitypolicyviolation", (event) => {
    console.error(`blocked by policy: ${event.violatedDirective} ${event.blockedURI}`);
  });
}
