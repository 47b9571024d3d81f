/** Entry of the built command. The build makes eltwo:modules: the packages and plugins of this repository, each loaded when it is asked for. */
import { modules } from "eltwo:modules"
import { start as startWith } from "./start.ts"

/** Runs the process's command line; `importModule` is the import() of whoever loads this. */
export const start = (importModule: (specifier: string) => Promise<object>): Promise<never> => startWith({ modules, importModule })
