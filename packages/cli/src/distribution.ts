/** Where the packages and plugins lie that this command brings along. The build puts them beside the command; run from its sources it has none. */
import { existsSync } from "node:fs"
import type { PlatformService } from "@eltwo/vmm"
import { type Distribution, nodePlatform } from "@eltwo/vmm/node"

const plugins = new URL("./plugins/", import.meta.url)
const distribution: Distribution | undefined = existsSync(plugins)
  ? { plugins, packages: { "@eltwo/isa": new URL("./isa.js", import.meta.url), "@eltwo/kvm": new URL("./kvm.js", import.meta.url) } }
  : undefined

export const platform = (): PlatformService => nodePlatform(distribution)
