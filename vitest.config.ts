import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@eltwo\/plugin-(.+)$/, replacement: `${here("./plugins")}/$1/src/index.ts` },
      { find: "@eltwo/vmm/promise", replacement: here("./packages/vmm/src/promise.ts") },
      { find: "@eltwo/vmm/node", replacement: here("./packages/vmm/src/node.ts") },
      { find: /^@eltwo\/(.+)$/, replacement: `${here("./packages")}/$1/src/index.ts` }
    ]
  },
  test: {
    include: ["packages/*/test/**/*.test.ts", "plugins/*/test/**/*.test.ts", "test/**/*.test.ts"],
    setupFiles: [here("./test/breathe.ts")],
    testTimeout: 120_000,
    pool: "forks",
    // files share what a worker has loaded and composed: that would be a third of the time
    poolOptions: { forks: { isolate: false, maxForks: 2, execArgv: ["--experimental-wasm-relaxed-simd"] } }
  }
})
