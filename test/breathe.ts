/** Between tests the worker answers its runner: tests that only compute would keep it silent for longer than the runner waits. */
import { afterEach } from "vitest"

afterEach(() => new Promise<void>((resume) => setImmediate(resume)))
