/** Counters and timers without an interrupt controller in the kernel. */
import { guest, type RealKernelGuest } from "./guest.ts"

export const TIMER_GUESTS: readonly RealKernelGuest[] = [
  guest(
    "timer",
    `
    mrs x1, cntvct_el0
    isb
    mrs x2, cntvct_el0
    cmp x2, x1
    cset x0, hs
    report x0
    mrs x3, cntpct_el0
    isb
    mrs x2, cntpct_el0
    cmp x2, x3
    cset x0, hs
    report x0
    mrs x3, s3_3_c14_c0_6        ; CNTVCTSS
    cmp x3, x1
    cset x0, hs
    report x0
    set x0, 2
    msr cntv_ctl_el0, x0
    isb
    mrs x0, cntv_ctl_el0
    report x0
    msr cntv_cval_el0, xzr
    set x0, 3
    msr cntv_ctl_el0, x0
    isb
    mrs x0, cntv_ctl_el0
    report x0
    set x0, 0xffffffffffffffff
    msr cntv_cval_el0, x0
    isb
    mrs x0, cntv_ctl_el0
    report x0
    mrs x0, cntv_tval_el0
    sxtw x0, w0
    set x1, 0x10000000
    msr cntv_tval_el0, x1
    mrs x2, cntv_cval_el0
    mrs x1, cntvct_el0
    cmp x2, x1
    cset x0, hi
    report x0
    msr cntv_ctl_el0, xzr
    msr cntp_cval_el0, xzr
    set x0, 3
    msr cntp_ctl_el0, x0
    isb
    mrs x0, cntp_ctl_el0
    report x0
    mrs x0, cntp_cval_el0
    report x0
    msr cntp_ctl_el0, xzr
    isb
    mrs x0, cntp_ctl_el0
    report x0
    set x0, 0xff
    msr cntp_ctl_el0, x0
    isb
    mrs x0, cntp_ctl_el0
    report x0
    msr cntp_ctl_el0, xzr
    set x0, 0xfe
    msr cntv_ctl_el0, x0
    isb
    mrs x0, cntv_ctl_el0
    report x0
    msr cntv_ctl_el0, xzr
    mrs x0, cntkctl_el1
    report x0
    mrs x0, isr_el1
    report x0`
  ),
  ...(["v", "p"] as const).map((timer) =>
    guest(
      `timer-${timer}-interrupt`,
      `
    set x1, 500000000
    msr cnt${timer}_tval_el0, x1
    set x0, 1
    msr cnt${timer}_ctl_el0, x0
    isb
    wfi
    mrs x0, cnt${timer}_ctl_el0
    report x0
    mrs x0, isr_el1
    report x0
    msr cnt${timer}_ctl_el0, xzr
    isb
    report x0
    msr cnt${timer}_cval_el0, xzr
    set x0, 3
    msr cnt${timer}_ctl_el0, x0
    isb
    mrs x0, cnt${timer}_ctl_el0
    report x0
    wfe
    report x20`
    )
  ),
  guest(
    "timer-expired",
    `
    msr cntv_cval_el0, xzr
    set x0, 1
    msr cntv_ctl_el0, x0
    isb
    report x0
    wfi
    report x0`
  )
]
