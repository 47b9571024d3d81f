/**
 * Nothing is forgotten: every field of every class that is part of a guest's state has its place here, and a new one fails until somebody says how a snapshot
 * keeps it. The sources are read, so that private fields count too.
 */
import { describe, expect, it } from "vitest"
import { fieldsOf } from "./fields.ts"

/**
 * How a field comes back: `saved` in a section; `machine` in one of a snapshot of a whole host, and of no meaning, made anew, or refused without that; `made` with the object, from the options of the run or by whoever holds it; `derived` from what is saved;
 * `passing` within one call of run, empty between two; `refused`: a machine in which it is in use cannot be saved; `told`: what a crash or a listener is told, not
 * what a guest can see.
 */
interface Fields {
  readonly saved?: string
  readonly machine?: string
  readonly made?: string
  readonly derived?: string
  readonly passing?: string
  readonly refused?: string
  readonly told?: string
}
const CLASSES: Readonly<Record<string, Fields>> = {
  "cpu/src/board.ts Board": {
    saved: "physical pes",
    made: "isa memory ram seed vectorLengths streamingVectorLengths counterFrequency memoryWhenOff regions",
    derived: "code written"
  },
  "cpu/src/pe.ts Pe": {
    saved: "index bytes x system modelledEl hostFirmware lines eventRegister controls",
    made: "board base halfwords words signedWords doublewords view",
    derived: "vectorBits vectorsZeroFrom streamingVectorBits alignmentCheck nonAligned stackAlignmentCheck fetchEpoch attention translation trapKeys"
  },
  "cpu/src/layout.ts PE": {
    saved: "X SP PC FLAGS_A FLAGS_B FLAGS_KIND PSTATE FPSR FPCR SVCR RETIRED MONITOR_SIZE MONITOR_ADDRESS MONITOR_VALUE FPMR IDLE Z P ZT0 SYSTEM ZA",
    derived: "TLB TLBS",
    passing: "BUDGET LEAVE FAULT_ADDRESS SCRATCH"
  },
  "cpu/src/controls.ts Controls": {
    saved: "mode coin #words #pending",
    made: "machine slot fineTraps #pe #hcrUnderTge #hcrInHostMode",
    derived: "#isPending version hcr hcrHigh e2h tge host"
  },
  "cpu/src/pending.ts InterruptLines": { saved: "irq fiq serror virtualIrq virtualFiq timersAssertIrq maintenanceAssertsIrq active" },
  "kvm/src/vcpu.ts Vcpu": {
    saved:
      "id registers system fp hcr mdcr vsesr fault features mpState hasRun pendingReset pending mmio halt debugPoints caches bankedSpsr deviceIrqLevel",
    made: "vm name descriptor file",
    passing: "slice lastExit",
    machine: "immediateExit page sleep loadedOn thread interrupts"
  },
  "kvm/src/vm.ts Vm": {
    saved:
      "slots filter vcpus idRegisters firmware psciVersion features hasRun nisvToUser manualProtection dirtyAtFirst timerInterrupts counterOffset counterOffsetFixed stage2 protected",
    made: "host",
    machine: "id dead vgic",
    refused: "#destroyed"
  },
  "kvm/src/memory-slots.ts MemorySlots": { saved: "#slots" },
  "kvm/src/memory-slots.ts MemorySlot": { saved: "slot guestPhysical length readonly", machine: "hostPhysical dirty" },
  "kvm/src/smccc-filter.ts SmcccFilter": { saved: "#entries" },
  "kvm/src/host/fp-memory.ts FpMemory": { saved: "fpsimd sve sme svcr fpmr vl fpType", made: "name" },
  "kvm/src/host/fp-memory.ts VectorLengths": { saved: "sve sme" },
  "kvm/src/host/task.ts UserRegisters": { saved: "general sp pc pstate", made: "x" },
  "kvm/src/account.ts Account": {
    saved: "instructions entries #exits fpTraps saves savedBytes loads loadedBytes moves isbs writes hostCalls #runs"
  },
  "kvm/src/account.ts Moves": { saved: "saves savedBytes loads loadedBytes" },
  "kvm/src/host/host.ts Host": {
    saved: "account",
    made: "board mode hooks tables features cpus midr trapWords guestLists systemRegisters vectors guestVectors vmm run #kernel #tableMapOn apiVersion",
    machine: "tasks vms pages scheduler cpu #next",
    refused: "crash caller",
    told: "#events",
    passing: "#calls"
  },
  "kvm/src/host/host.ts KernelPages": { made: "root emptyRoot vectors" },
  "kvm/src/host/host.ts Numbers": { machine: "task vm vmid asid" },
  "kvm/src/host/cpu.ts PhysicalCpu": {
    saved: "lastRan",
    made: "index port account hostEl mode features",
    machine: "pe hostContext last #fpOwner current idle schedule userUntil masking failAllocations loaded",
    refused: "softirqs context",
    told: "events trail warnings"
  },
  "kvm/src/host/masking.ts Masking": { machine: "irqsOff softirqsOff preemptionOff inSoftirq inHardirq" },
  "kvm/src/host/fp-memory.ts Binding": { machine: "st toSave sveVl smeVl" },
  "kvm/src/host/thread.ts CpuSchedule": { machine: "power queue sliceEnd turnEnd work needResched" },
  "kvm/src/host/thread.ts ThreadSchedule": { machine: "state cpu affinity wakeAt notBefore interrupted" },
  "kvm/src/host/thread.ts KernelPosition": { machine: "in vcpu begun" },
  "kvm/src/host/task.ts Task": {
    machine:
      "id programId registers fp space tpidr tpidr2 flags fpsimdCpu vlOnexec kernelFpsimd kernelFpsimdCpu isKernelThread signals files pages schedule position ended",
    made: "name",
    derived: "threads"
  },
  "kvm/src/host/task.ts HostFile": { machine: "name" },
  "kvm/src/host/signal-state.ts SignalState": { machine: "actions pending blocked" },
  "kvm/src/host/signal-state.ts SignalAction": { machine: "handler flags restorer mask" },
  "kvm/src/host/signal-state.ts PendingSignal": { machine: "number code address esr" },
  "kvm/src/host/address-space.ts AddressSpace": { machine: "asid tables regions", made: "touch" },
  "kvm/src/host/address-space.ts Region": { machine: "address physical bytes permissions" },
  "kvm/src/host/address-space.ts Permissions": { machine: "write execute" },
  "kvm/src/host/page-tables.ts PageTables": { machine: "root", made: "#memory #startLevel #inputBits" },
  "kvm/src/host/physical-pages.ts PhysicalPages": { machine: "#free", made: "#board" },
  "kvm/src/host/physical-pages.ts Run": { machine: "from pages" },
  "kvm/src/host/kvm-run-page.ts KvmRunPage": { machine: "#physical", made: "#host" },
  "kvm/src/host/scheduler.ts Scheduler": {
    machine: "options threads #programs #random #roundEnd #turn",
    made: "host",
    passing: "#interrupted #executing"
  },
  "kvm/src/host/scheduler.ts SchedulerOptions": { machine: "seed slice quantum migration" },
  "kvm/src/host/scheduler.ts VcpuThread": { machine: "vcpu asked", made: "onExit" },
  "kvm/src/vgic/vgic.ts Vgic": {
    machine: "enabled distributor regions spiCount spis initialised #cpus",
    made: "vm",
    derived: "redistributors"
  },
  "kvm/src/vgic/vgic.ts VgicCpu": { machine: "privates listed inRegisters" },
  "kvm/src/vgic/irq.ts Irq": { machine: "intid enabled group priority edge line latch active route physical listed", made: "owner" },
  "kvm/src/vgic/redistributors.ts RedistributorRegion": { machine: "index base count" },
  "kvm/src/vgic/switch.ts InterruptInterface": { machine: "vmcr ap0r0 ap1r0 hcr lists used" },
  // Boot makes it, and hyp code of its own changes it before boot is over.
  "kvm/src/nvhe/hyp-memory.ts HypMemory": { made: "vectors hostVectors guestVectors #objects #host #tables #root" },
  "kvm/src/stage2.ts Stage2": { saved: "ipaBits tables", machine: "vmid", made: "vtcr rootBytes #attributes" },
  "../plugins/pkvm/src/hyp/state.ts HypState": {
    machine: "pkvm vcpus tablePools lost lastRan",
    made: "host text pool idRegisters initialised finalized",
    passing: "cpu",
    derived: "records"
  },
  "../plugins/pkvm/src/hyp/state.ts RealPkvm": { derived: "hostStage2 hypStage1" },
  // The page tables themselves, and the records of pages, are in RAM.
  "../plugins/pkvm/src/ownership/pkvm.ts Pkvm": {
    machine: "vms",
    made: "memoryMap memory blockPages newGuestStage2",
    derived: "records hostStage2 hypStage1 loaded"
  },
  "../plugins/pkvm/src/hyp/host-stage2.ts RealHostStage2": { made: "tables vtcr vttbr #memoryMap #ram #text #inputBytes #flush" },
  "../plugins/pkvm/src/hyp/hyp-stage1.ts RealHypStage1": { made: "tables root #leaves #flush" },
  "../plugins/pkvm/src/hyp/guest-stage2.ts RealGuestStage2": {
    machine: "root #pool",
    made: "pages tablesPerPage tables #normal #flush",
    derived: "vmid",
    passing: "#memcache"
  },
  "../plugins/pkvm/src/hyp/observed-records.ts ObservedRecords": { made: "#events #first #bytes #pages", told: "#before" },
  "../plugins/pkvm/src/ownership/page-records.ts Vmemmap": { made: "#first #pages #view" },
  "../plugins/pkvm/src/ownership/hyp-pool.ts HypPool": { machine: "#free", made: "#records #memory #start #end #maxOrder" },
  "../plugins/pkvm/src/ownership/memcache.ts PageStack": { machine: "#pages" },
  "../plugins/pkvm/src/ownership/vm-table.ts VmTable": { machine: "slots" },
  "../plugins/pkvm/src/ownership/hyp-vm.ts HypVm": { machine: "handle protected dying hostVm area pool stage2 vcpus" },
  "../plugins/pkvm/src/ownership/hyp-vm.ts HypVcpu": { machine: "index hostVcpu sve area memcache loadedOn", derived: "vm" },
  // What hyp code runs is filled from the kernel's vCPU at each run; of the last one the syndrome stays.
  "../plugins/pkvm/src/hyp-vcpu.ts HypVcpu": { machine: "hostVcpu state", derived: "pages index protected" },
  "../plugins/pkvm/src/vcpu/features.ts VmView": { derived: "vm fpmr lists traps" },
  "../plugins/pkvm/src/vcpu/host-fp.ts HostFp": { made: "range vl", passing: "memory zcr" },
  "../plugins/pkvm/src/host/side.ts HostSide": { machine: "vms vcpus shares #structures returned", made: "host", derived: "#byAddress" },
  "../plugins/pkvm/src/host/side.ts VmRecord": { machine: "handle structure mappings created" },
  "../plugins/pkvm/src/host/side.ts VcpuRecord": { machine: "structure memcache sve" },
  "../plugins/pkvm/src/host/side.ts Mapping": { machine: "pages", derived: "pfn" },
  "../plugins/pkvm/src/ownership/host-shares.ts HostShares": { machine: "#counts", made: "#calls" },
  "vmm/src/personality/linux/process.ts Process": {
    saved: "space files signals timers options name limits unimplemented systemCalls faults #pause",
    made: "cpu host id",
    // a measure of the run that is going on
    passing: "#barren",
    refused: "#end"
  },
  "vmm/src/personality/linux/address-space.ts AddressSpace": { saved: "areas tables #pages brkStart brk", made: "#memory" },
  "vmm/src/personality/linux/areas.ts Area": { saved: "start end" },
  "vmm/src/personality/linux/areas.ts AreaKind": { saved: "protection anonymous" },
  "vmm/src/personality/linux/page-tables.ts PageAllocator": { saved: "#free #next", made: "#end #memory" },
  "vmm/src/personality/linux/page-tables.ts PageTables": { saved: "root stale", made: "#view #memory #pages", derived: "#used", passing: "#path" },
  "vmm/src/personality/linux/signals.ts Signals": { saved: "#actions #pending #mask #saved stopped stack" },
  "vmm/src/personality/linux/signals.ts SignalInfo": { saved: "signal code address process value fault" },
  "vmm/src/personality/linux/signals.ts Action": { saved: "handler flags restorer mask" },
  "vmm/src/personality/linux/signals.ts AlternateStack": { saved: "base bytes flags" },
  "vmm/src/personality/linux/interval-timers.ts IntervalTimers": { saved: "#timers", made: "#cpu", derived: "#set" },
  "vmm/src/personality/linux/interval-timers.ts IntervalTimer": { saved: "at interval" },
  "vmm/src/personality/linux/files.ts Files": { saved: "#table #closeOnExec workingDirectory moved umask limit", made: "#host tree" },
  "vmm/src/personality/bare/terminal.ts Terminal": { saved: "#input #next #ended", made: "#streams", passing: "#output #pending" },
  "vmm/src/personality/bare/pl011.ts Pl011": { saved: "#stored #fifo #raised #foundEmpty", made: "base bytes #line #onInterrupt" },
  "vmm/src/personality/bare/semihosting.ts Semihosting": { saved: "#options #files #handles #errno", made: "#calls" },
  "vmm/src/personality/bare/machine.ts BareMachine": {
    saved: "uart #options #image #loaded #terminal #semihosting #cause",
    made: "board #trace #stop"
  },
  "vmm/src/personality/vm/machine.ts VmMachine": {
    saved: "#image #options #entry #uart #terminal #semihosting #uartAsserts #barren #budget",
    made: "#kvm #vm #vcpu",
    machine: "#threads",
    passing: "#end"
  },
  "vmm/src/signal-schedule.ts SignalClock": { saved: "#due" },
  "vmm/src/signal-schedule.ts SignalSchedule": { saved: "signal at every" }
}
const namesIn = (fields: Fields): readonly string[] => Object.values(fields).flatMap((names) => (names as string).split(" "))

describe("every field", () => {
  it.each(Object.keys(CLASSES))("of %s has its place", (place) => {
    const [file, name] = place.split(" ") as [string, string]
    const declared = fieldsOf(file, name)
    const known = namesIn(CLASSES[place]!)
    expect({ unsaid: declared.filter((field) => !known.includes(field)), gone: known.filter((field) => !declared.includes(field)) }).toEqual({
      unsaid: [],
      gone: []
    })
    expect(new Set(known).size).toBe(known.length)
  })
})
