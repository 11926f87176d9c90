import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  // The server's content security policy allows files of its own origin only: nothing is inlined.
  build: {
    target: "es2022",
    cssTarget: ["chrome111", "firefox114", "safari16.4"],
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
  test: { include: ["test/**/*.test.ts"] },
});
