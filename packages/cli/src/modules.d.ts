declare module "eltwo:modules" {
  import type { Distribution } from "@eltwo/vmm/node"

  export const modules: Distribution["modules"]
}
