/** What must hold between any two steps of the scheduler, on every CPU: for tests, and for whoever looks for a mistake in a mode. */
import { HCR } from "@eltwo/cpu"
import type { Vcpu } from "../vcpu.ts"
import type { PhysicalCpu } from "./cpu.ts"
import type { Host } from "./host.ts"
import { type Task, TIF } from "./task.ts"

/** Every rule that is broken, as a sentence; nothing when all is well. `vcpus` are all there are. No guest must be running now. */
export const brokenInvariants = (host: Host, vcpus: readonly Vcpu[]): readonly string[] => {
  const broken: string[] = []
  const must = (holds: boolean, rule: string): void => {
    if (!holds) broken.push(rule)
  }
  for (const cpu of host.cpus) {
    if (cpu.schedule.power === "on") checkCpu(host, vcpus, cpu, must)
    else checkDark(cpu, must)
  }
  checkVcpus(host, vcpus, must)
  checkThreads(host, must)
  return broken
}
type Must = (holds: boolean, rule: string) => void

const checkDark = (cpu: PhysicalCpu, must: Must): void => {
  const at = `CPU ${cpu.index}, without power, `
  must(cpu.last.st === null, `${at}is bound to ${cpu.last.st?.name}`)
  must(cpu.current === cpu.idle, `${at}runs ${cpu.current?.name}`)
  must(cpu.loaded === undefined, `${at}has ${cpu.loaded?.name} loaded`)
  must(cpu.schedule.power !== "off" || cpu.schedule.queue.length === 0, `${at}has threads waiting for it`)
}
const checkCpu = (host: Host, vcpus: readonly Vcpu[], cpu: PhysicalCpu, must: Must): void => {
  const { current, last, loaded, pe } = cpu
  const at = `CPU ${cpu.index}: `
  if (!current) return must(false, `${at}no current task`)
  const foreign = current.has(TIF.FOREIGN_FPSTATE)
  must(
    host.cpus.every((other) => other === cpu || other.current !== current),
    `${at}${current.name} is current elsewhere too`
  )
  // FOREIGN is the cached negation of "live here", except while a vCPU is bound
  if (!foreign && cpu.features.fp)
    must(isLiveOn(cpu, current) || (loaded !== undefined && last.st === loaded.fp), `${at}live registers are neither the task's nor the vCPU's`)
  must(current !== cpu.idle || foreign || !cpu.features.fp, `${at}the idle thread has user state`)
  if (last.st && !(loaded && last.st === loaded.fp))
    must(!vcpus.some(({ fp }) => fp === last.st), `${at}LAST names ${last.st.name}, which is not loaded`)
  if (loaded) {
    must(current.position?.vcpu === loaded || !current.schedule, `${at}${loaded.name} is loaded, but not by ${current.name}`)
    must(loaded.loadedOn === cpu, `${at}${loaded.name} believes to be elsewhere`)
    must(cpu.lastRan.get(loaded.vm.id) === loaded.id, `${at}another vCPU of the VM was said to be here last`)
    // with FOREIGN set the owner is looked at again before the next entry
    if (cpu.fpOwner === "guest") must(foreign || last.st === loaded.fp, `${at}the guest owns the registers, and the FP core does not know`)
  } else must(!current.position?.begun || current.ended !== undefined, `${at}${current.name} is in KVM_RUN without its vCPU`)
  // host boundary: no guest's stage 2 governs the host
  const { controls } = pe
  must(controls.tge || !(controls.hcr & HCR.IMO), `${at}HCR_EL2 is a guest's`)
  must(!controls.tge === (cpu.hostEl === 1), `${at}HCR_EL2.TGE does not fit the kernel's exception level`)
  must(cpu.context === "host", `${at}hyp code was left running`)
}
const isLiveOn = ({ last, index }: PhysicalCpu, { fp, fpsimdCpu }: Task): boolean => last.st === fp && fpsimdCpu === index

const checkVcpus = (host: Host, vcpus: readonly Vcpu[], must: Must): void => {
  for (const vcpu of vcpus) {
    const holders = host.cpus.filter(({ loaded }) => loaded === vcpu)
    must(holders.length <= 1, `${vcpu.name} is loaded on ${holders.length} CPUs`)
    must(vcpu.loadedOn === holders[0], `${vcpu.name} is not where it believes to be`)
    const bound = host.cpus.filter(({ last }) => last.st === vcpu.fp)
    must(bound.length <= 1, `${vcpu.name} is live on ${bound.length} CPUs`)
    const { thread } = vcpu
    must(!thread || thread.position?.vcpu === vcpu, `${vcpu.name} has a thread that is not in KVM_RUN`)
  }
}
const checkThreads = (host: Host, must: Must): void => {
  for (const task of host.scheduler.threads) {
    const { schedule, name } = task
    if (!schedule) return must(false, `${name} is among the threads without a schedule`)
    const live = host.cpus.filter((cpu) => isLiveOn(cpu, task))
    must(live.length <= 1, `${name} is live on ${live.length} CPUs`)
    const running = host.cpus.filter(({ current }) => current === task)
    const queued = host.cpus.flatMap((cpu) => cpu.schedule.queue.filter((other) => other === task).map(() => cpu.index))
    if (task.ended) continue
    must(running.length + queued.length <= 1, `${name} runs on ${running.length} CPUs and waits for ${queued.length}`)
    must(schedule.state === "runnable" || queued.length === 0, `${name} is ${schedule.state}, and waits for a CPU`)
    must(schedule.state !== "runnable" || running.length + queued.length === 1, `${name} is runnable, and nobody knows`)
    for (const index of [...running.map((cpu) => cpu.index), ...queued])
      must(index === schedule.cpu, `${name} is not on the CPU it believes to be on`)
  }
}
