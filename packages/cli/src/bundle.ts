/** Entry of the built command. The build makes eltwo:modules: the packages and plugins of this repository, each loaded when it is asked for. */
import { modules } from "eltwo:modules"
import { start } from "./start.ts"

/** bin/eltwo.js leaves its import() there. */
const { [Symbol.for("eltwo.import")]: importModule } = globalThis as unknown as Record<symbol, (specifier: string) => Promise<object>>

void start({ modules, importModule: importModule! })
