/**
 * A protected guest keeps a secret from its host: user space, the host's kernel, and what the guest itself can share.
 *
 *   npx tsx examples/protected-guest.ts
 */
import { createBoard, PortTrap } from "@eltwo/cpu"
import { assemble, base, composeOrThrow } from "@eltwo/isa"
import { createHost, type Errno, isErrno, linear, REG, VcpuFeature } from "@eltwo/kvm"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { protectedMode } from "@eltwo/plugin-pkvm"

const RAM = 0x4000_0000
const SECRET_AT = RAM + 0x4000
const RAM_BYTES = 0x10000
/** Bit 31 of the type of KVM_CREATE_VM. */
const PROTECTED = 1n << 31n

/** Stores a secret and says so by a write to a device; when it goes on, shares the page with the host and says that. */
const GUEST = `
    mov x9, #0x9000000
    ldr x10, =0x40004000
    ldr x11, =0x5ec2e7
    str x11, [x10]
    str xzr, [x9]
    ldr x0, =0xc6000003     // MEM_SHARE
    mov x1, x10
    mov x2, #0
    mov x3, #0
    hvc #0
    str x0, [x9]
`
const certain = <T>(result: T | Errno): T => {
  if (isErrno(result)) throw new Error(result)
  return result as T
}

/** The lines that it prints. */
export const keepSecret = (): readonly string[] => {
  const lines: string[] = []
  const isa = composeOrThrow([base, fpsimd])
  const host = createHost({ board: createBoard({ isa, ramBase: 0x8000_0000, ramBytes: 64 << 20 }), mode: protectedMode("hvhe") })
  const vm = certain(host.createVm({ type: PROTECTED }))
  vm.setMemoryRegion({ slot: 0, guestPhysical: RAM, bytes: RAM_BYTES })
  const vcpu = certain(vm.createVcpu(0))
  vcpu.init({ features: 1 << VcpuFeature.PSCI_0_2 })
  const { assembly, problems } = assemble(GUEST, { isa, origin: RAM, limits: { source: 4096, bytes: 1 << 16 } })
  if (problems !== undefined) throw new Error(problems.map(({ line, message }) => `line ${line}: ${message}`).join("; "))
  vm.write(RAM, assembly.sections[0]!.bytes)
  vcpu.setOneReg(REG.pc, BigInt(RAM))

  const look = (when: string): void => {
    const read = vm.read(SECRET_AT, 8)
    lines.push(
      `${when}, user space reads ${isErrno(read) ? read : `0x${new DataView(read.buffer, read.byteOffset).getBigUint64(0, true).toString(16)}`}`
    )
  }
  look("before the guest runs")
  vcpu.run(1_000_000)
  look("when it has stored its secret")
  vcpu.run(1_000_000)
  look("when it has shared the page")
  // the kernel that tries it is past saving: it comes last
  const loaded = host.cpu.port.ldr(linear(vm.slots.physical(RAM, 8)!), 8)
  lines.push(
    `the host's kernel loads from the guest's code and ${loaded instanceof PortTrap ? "is trapped by its own stage 2" : `gets 0x${loaded.toString(16)}`}`
  )
  return lines
}
if (process.argv[1]?.endsWith("protected-guest.ts")) for (const line of keepSecret()) console.log(line)
