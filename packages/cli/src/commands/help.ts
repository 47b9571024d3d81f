/** eltwo help TOPIC */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import { type Context, jsonText } from "../context.ts"
import { EXIT_CODES } from "../exit-codes.ts"
import { command, json } from "../options.ts"

const topic = Args.choice([["exit-codes", "exit-codes"]], { name: "topic" }).pipe(Args.withDescription("exit-codes"))

export const help = ({ io }: Context) =>
  command("help", { topic, json }, (given) =>
    Effect.sync(() => io.out(given.json ? jsonText(EXIT_CODES) : EXIT_CODES.map(({ code, meaning }) => `${code.padEnd(8)}${meaning}\n`).join("")))
  ).pipe(Command.withDescription("Explains a topic: eltwo help exit-codes."))
