import manifest from "../package.json" with { type: "json" }

/** Of this command and of everything it brings along. */
export const VERSION: string = manifest.version
