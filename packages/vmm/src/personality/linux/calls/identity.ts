/** System calls about who the process is: there is one process of one thread, and one user. */
import { ERRNO } from "../errno.ts"
import { giveInts, int } from "./arguments.ts"
import type { SystemCall, SystemCalls } from "./table.ts"

const USER = 1000
const PARENT = 1
const is = (name: string, value: number): SystemCall => ({ name, run: () => value })
/** The process's own id, for calls that take one and mean "myself" by 0. */
const idOf = (name: string): SystemCall => ({ name, run: ({ id }, [target]) => (int(target!) === 0 || int(target!) === id ? id : -ERRNO.ESRCH) })
const setIds = (name: string, count: number): SystemCall => ({
  name,
  run: (_, args) => (args.slice(0, count).every((id) => int(id) === USER || (count > 1 && int(id) === -1)) ? 0 : -ERRNO.EPERM)
})
const threeIds = (name: string): SystemCall => ({
  name,
  run: (process, args) => (args.slice(0, 3).every((at) => giveInts(process, at, USER) === 0) ? 0 : -ERRNO.EFAULT)
})

export const identityCalls: SystemCalls = {
  143: setIds("setregid", 2),
  144: setIds("setgid", 1),
  145: setIds("setreuid", 2),
  146: setIds("setuid", 1),
  147: setIds("setresuid", 3),
  148: threeIds("getresuid"),
  149: setIds("setresgid", 3),
  150: threeIds("getresgid"),
  154: is("setpgid", -ERRNO.EPERM),
  155: idOf("getpgid"),
  156: idOf("getsid"),
  157: is("setsid", -ERRNO.EPERM),
  158: is("getgroups", 0),
  159: is("setgroups", -ERRNO.EPERM),
  172: { name: "getpid", run: ({ id }) => id },
  173: is("getppid", PARENT),
  174: is("getuid", USER),
  175: is("geteuid", USER),
  176: is("getgid", USER),
  177: is("getegid", USER),
  178: { name: "gettid", run: ({ id }) => id }
}
