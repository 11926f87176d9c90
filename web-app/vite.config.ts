import { brotliCompressSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte(), compressed()],
  // The server's content security policy allows files of its own origin only: nothing is inlined.
  build: {
    target: "es2022",
    cssTarget: ["chrome111", "firefox121", "safari16.4"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // `npm run dev` against a running `intercom-signaller serve --plain 127.0.0.1:9000`.
  server: {
    proxy: {
      "/api": "http://127.0.0.1:9000",
      "/ws": { target: "ws://127.0.0.1:9000", ws: true },
    },
  },
  // Clocks are the tests' own: a slow machine is no fault.
  test: { include: ["test/**/*.test.ts"], testTimeout: 60_000 },
});

/** Beside each file the same in brotli: the server sends that to whoever takes it. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        for (const [fileName, file] of Object.entries(bundle)) {
          const source = brotliCompressSync(file.type === "chunk" ? file.code : file.source);
          this.emitFile({ type: "asset", fileName: `${fileName}.br`, source });
        }
      },
    },
  };
}
