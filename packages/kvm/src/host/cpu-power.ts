/** Hotplug and suspend of physical CPUs. A CPU without power forgets its registers and translations; what the kernel and hyp code need is set up again. */
import { passTime, resetPe } from "@eltwo/cpu"
import type { Crash } from "../crash.ts"
import type { Errno } from "../errno.ts"
import type { PhysicalCpu } from "./cpu.ts"
import { saveAndFlushCpuState } from "./fpstate.ts"
import type { Host } from "./host.ts"
import type { CpuSchedule } from "./thread.ts"

type Power = CpuSchedule["power"]
const isOn = ({ schedule }: PhysicalCpu): boolean => schedule.power === "on"

/** Runs `change` of the CPU with this number; EINVAL: it is not there, or is not in the state `from`. */
const changing = (host: Host, index: number, from: Power, change: (cpu: PhysicalCpu) => Errno | undefined): Errno | Crash | undefined => {
  const cpu = host.cpus[index]
  if (cpu?.schedule.power !== from) return "EINVAL"
  return host.guard(() => change(cpu))
}
const powerOff = (host: Host, cpu: PhysicalCpu, power: "off" | "suspended"): void => {
  if (cpu.events.listening) cpu.emit({ what: "sched", kind: power === "off" ? "offline" : "suspend" })
  // fpsimd_cpu_dead: a CPU without power holds nobody's state
  cpu.last.st = null
  cpu.fpOwner = "free"
  cpu.lastRan.clear()
  cpu.schedule.power = power
  resetPe(cpu.pe)
  if (host.cpu === cpu) host.cpu = host.cpus.find(isOn) ?? cpu
}
/** From reset to a kernel with nothing to do, as far in time as the others. */
const powerOn = (host: Host, cpu: PhysicalCpu): void => {
  const { cpu: here } = host
  const { power } = cpu.schedule
  if (!isOn(here)) host.cpu = cpu
  host.startCpu(cpu)
  passTime(cpu.pe, host.scheduler.time)
  cpu.schedule.power = "on"
  if (cpu.events.listening) cpu.emit({ what: "sched", kind: power === "off" ? "online" : "resume" })
}

/** CPU hotplug: its threads go to other CPUs, also where they had no right to be. EBUSY: it is the last one. EINVAL: it is not on. */
export const offlineCpu = (host: Host, index: number): Errno | Crash | undefined =>
  changing(host, index, "on", (cpu) => {
    if (host.cpus.filter(isOn).length === 1) return "EBUSY"
    host.scheduler.evacuate(cpu)
    powerOff(host, cpu, "off")
    return undefined
  })
/** Back from hotplug. EINVAL: it is not off. */
export const onlineCpu = (host: Host, index: number): Errno | Crash | undefined =>
  changing(host, index, "off", (cpu) => {
    powerOn(host, cpu)
    return undefined
  })
/** A power state in which registers are lost. Threads that wait for the CPU do so until it comes back, or another one takes them. */
export const suspendCpu = (host: Host, index: number): Errno | Crash | undefined =>
  changing(host, index, "on", (cpu) => {
    host.scheduler.vacate(cpu)
    // CPU_PM_ENTER, before the registers are lost: what is live goes to memory
    host.on(cpu, () => saveAndFlushCpuState(cpu))
    powerOff(host, cpu, "suspended")
    return undefined
  })
/** Resumes; `asleep` instructions of virtual time have passed meanwhile, if no other CPU was on to count them. EINVAL: it is not suspended. */
export const resumeCpu = (host: Host, index: number, asleep = 0): Errno | Crash | undefined =>
  changing(host, index, "suspended", (cpu) => {
    const until = host.scheduler.time + BigInt(asleep)
    const alone = !host.cpus.some(isOn)
    powerOn(host, cpu)
    if (alone) passTime(cpu.pe, until)
    return undefined
  })
