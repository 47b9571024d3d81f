/*
 * A small virtual machine monitor for Linux/KVM on arm64, and the first process of the machine it runs on.
 *
 * It asks what the kernel offers, makes calls that are mostly wrong, lists the registers of a vCPU, and runs the guests of /guests. Each answer is one
 * line that begins with "@ "; the port of this program to eltwo prints the same lines.
 *
 *   cc -static -O1 kvm-program.c -o init
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#define RAM 0x40000000ul
#define DEVICE 0x09000000ul
#define PAGE 4096ul
#define CORE(word) (0x6030000000100000ul + (word))
#define PC CORE(0x40)
#define PSTATE CORE(0x42)
#define SYS(op0, op1, crn, crm, op2) (0x6030000000130000ul | (op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define FIRMWARE(n) (0x6030000000140000ul + (n))
#define BITMAP(n) (0x6030000000160000ul + (n))
#define V0 0x6040000000100054ul
#define Z0 0x6080000000150000ul
#define VLS 0x606000000015fffful
#define PSCI (1u << KVM_ARM_VCPU_PSCI_0_2)
#define SVE (1u << KVM_ARM_VCPU_SVE)

static int kvm;

static void say(const char *format, ...)
{
	va_list values;
	va_start(values, format);
	printf("@ ");
	vprintf(format, values);
	putchar('\n');
	va_end(values);
	fflush(stdout);
}
/* A call and its answer: 0 or positive, or -1 and errno. */
static int call(const char *name, int result)
{
	if (result < 0)
		say("call %s: -%d", name, errno);
	else
		say("call %s: ok", name);
	return result;
}

/* ---- the machine ------------------------------------------------------------ */
static int create_vm(unsigned long type)
{
	return ioctl(kvm, KVM_CREATE_VM, type);
}
static int set_memory(int vm, unsigned slot, unsigned flags, unsigned long gpa, unsigned long size, void *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa, .memory_size = size, .userspace_addr = (unsigned long)host };
	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}
static int init_vcpu(int vcpu, unsigned target, unsigned features)
{
	struct kvm_vcpu_init init = { .target = target, .features = { features } };
	return ioctl(vcpu, KVM_ARM_VCPU_INIT, &init);
}
static int finalize(int vcpu, int feature)
{
	return ioctl(vcpu, KVM_ARM_VCPU_FINALIZE, &feature);
}
static int get_bytes(int vcpu, uint64_t id, void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)value };
	return ioctl(vcpu, KVM_GET_ONE_REG, &reg);
}
static int set_bytes(int vcpu, uint64_t id, const void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)value };
	return ioctl(vcpu, KVM_SET_ONE_REG, &reg);
}
static int get_reg(int vcpu, uint64_t id)
{
	uint64_t value[32];
	return get_bytes(vcpu, id, value);
}
static int set_reg(int vcpu, uint64_t id, uint64_t value)
{
	uint64_t bytes[32] = { value };
	return set_bytes(vcpu, id, bytes);
}
static uint64_t value_of(int vcpu, uint64_t id)
{
	uint64_t value[32] = { 0 };
	get_bytes(vcpu, id, value);
	return value[0];
}
static int enable(int vm, unsigned capability, unsigned flags, uint64_t argument)
{
	struct kvm_enable_cap cap = { .cap = capability, .flags = flags, .args = { argument } };
	return ioctl(vm, KVM_ENABLE_CAP, &cap);
}
static int set_attribute(int fd, unsigned group, uint64_t attribute, const void *value)
{
	struct kvm_device_attr attr = { .group = group, .attr = attribute, .addr = (unsigned long)value };
	return ioctl(fd, KVM_SET_DEVICE_ATTR, &attr);
}
static int has_attribute(int fd, unsigned group, uint64_t attribute)
{
	struct kvm_device_attr attr = { .group = group, .attr = attribute };
	return ioctl(fd, KVM_HAS_DEVICE_ATTR, &attr);
}
static int set_filter(int vm, unsigned base, unsigned count, unsigned action)
{
	struct kvm_smccc_filter filter = { .base = base, .nr_functions = count, .action = action };
	return set_attribute(vm, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER, &filter);
}
static int set_events(int vcpu, int pending, int has_esr, int abort, uint64_t esr, int reserved)
{
	struct kvm_vcpu_events events = { 0 };
	events.exception.serror_pending = pending;
	events.exception.serror_has_esr = has_esr;
	events.exception.ext_dabt_pending = abort;
	events.exception.serror_esr = esr;
	events.reserved[3] = reserved;
	return ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
}
static int set_mp_state(int vcpu, unsigned state)
{
	struct kvm_mp_state mp = { .mp_state = state };
	return ioctl(vcpu, KVM_SET_MP_STATE, &mp);
}
static int set_debug(int vcpu, unsigned control)
{
	struct kvm_guest_debug debug = { .control = control };
	return ioctl(vcpu, KVM_SET_GUEST_DEBUG, &debug);
}
static int irq_line(int vm, unsigned type, unsigned vcpu, unsigned number, unsigned level)
{
	struct kvm_irq_level line = { .irq = type << 24 | vcpu << 16 | number, .level = level };
	return ioctl(vm, KVM_IRQ_LINE, &line);
}
static int set_counter_offset(int vm, uint64_t offset, uint64_t reserved)
{
	struct kvm_arm_counter_offset value = { .counter_offset = offset, .reserved = reserved };
	return ioctl(vm, KVM_ARM_SET_COUNTER_OFFSET, &value);
}
static unsigned char log_bits[4096];
static int get_dirty_log(int vm, unsigned slot)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = log_bits };
	memset(log_bits, 0, sizeof(log_bits));
	return ioctl(vm, KVM_GET_DIRTY_LOG, &log);
}
static int clear_dirty_log(int vm, unsigned slot, uint64_t first, unsigned pages)
{
	struct kvm_clear_dirty_log log = { .slot = slot, .first_page = first, .num_pages = pages, .dirty_bitmap = log_bits };
	return ioctl(vm, KVM_CLEAR_DIRTY_LOG, &log);
}
static struct kvm_run *map_run(int vcpu)
{
	return mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
}
static struct kvm_reg_list *register_list(int vcpu)
{
	struct kvm_reg_list probe = { .n = 0 };
	if (ioctl(vcpu, KVM_GET_REG_LIST, &probe) == 0 || errno != E2BIG)
		return NULL;
	struct kvm_reg_list *list = calloc(1, sizeof(*list) + probe.n * sizeof(uint64_t));
	list->n = probe.n;
	return ioctl(vcpu, KVM_GET_REG_LIST, list) == 0 ? list : NULL;
}
/* For calls that need a VM and a vCPU only to fail on it. */
static int new_vcpu(int vm, int id, unsigned features)
{
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, id);
	if (vcpu >= 0 && features)
		init_vcpu(vcpu, 5, features);
	return vcpu;
}

/* ---- what the kernel offers --------------------------------------------------- */
static void capabilities(void)
{
	int vm = create_vm(0);
	struct kvm_vcpu_init target;
	memset(&target, 0xff, sizeof(target));
	for (int number = 0; number < 256; number++) {
		int system = ioctl(kvm, KVM_CHECK_EXTENSION, number), machine = ioctl(vm, KVM_CHECK_EXTENSION, number);
		if (system || machine)
			say("cap %d: %d %d", number, system, machine);
	}
	call("api version", ioctl(kvm, KVM_GET_API_VERSION, 0) == 12 ? 0 : -1);
	call("preferred target", ioctl(vm, KVM_ARM_PREFERRED_TARGET, &target));
	say("target: %u %u", target.target, target.features[0]);
	close(vm);
}

/* ---- calls, most of them wrong -------------------------------------------------- */
static void memory_calls(char *host)
{
	int vm = create_vm(0);
	call("memory of 100 bytes", set_memory(vm, 0, 0, RAM, 100, host));
	call("memory at an odd address", set_memory(vm, 0, 0, RAM + 1, PAGE, host));
	call("memory slot 40000", set_memory(vm, 40000, 0, RAM, PAGE, host));
	call("delete a slot that is not there", set_memory(vm, 0, 0, 0, 0, NULL));
	call("memory beyond the IPA size", set_memory(vm, 5, 0, (1ul << 52) - PAGE, 2 * PAGE, host));
	call("memory whose end wraps", set_memory(vm, 5, 0, -PAGE, 2 * PAGE, host));
	call("memory", set_memory(vm, 0, 0, RAM, 16 * PAGE, host));
	call("resize a slot", set_memory(vm, 0, 0, RAM, 8 * PAGE, host));
	call("make a slot read-only", set_memory(vm, 0, KVM_MEM_READONLY, RAM, 16 * PAGE, host));
	call("overlap a slot", set_memory(vm, 1, 0, RAM + 8 * PAGE, 16 * PAGE, host + 32 * PAGE));
	call("move a slot", set_memory(vm, 0, 0, RAM + 64 * PAGE, 16 * PAGE, host));
	call("log of a slot without one", get_dirty_log(vm, 0));
	call("log of no slot", get_dirty_log(vm, 7));
	call("log of slot 40000", get_dirty_log(vm, 40000));
	call("begin to log", set_memory(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, RAM + 64 * PAGE, 16 * PAGE, host));
	call("log", get_dirty_log(vm, 0));
	call("clear without the capability", clear_dirty_log(vm, 0, 0, 16));
	call("manual protection with a wrong flag", enable(vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 0, 4));
	call("manual protection", enable(vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 0, 1));
	call("clear from page 1", clear_dirty_log(vm, 0, 1, 15));
	call("clear 3 pages", clear_dirty_log(vm, 0, 0, 3));
	call("clear beyond the slot", clear_dirty_log(vm, 0, 64, 64));
	call("clear to the end", clear_dirty_log(vm, 0, 0, 16));
	call("stop logging", set_memory(vm, 0, 0, RAM + 64 * PAGE, 16 * PAGE, host));
	call("log after that", get_dirty_log(vm, 0));
	call("delete a slot", set_memory(vm, 0, 0, 0, 0, NULL));
	close(vm);
}
static void creation_calls(void)
{
	call("create type bit 9", create_vm(1ul << 9));
	call("create type 0x7f00", create_vm(0x7f00));
	call("create IPA size 31", create_vm(31));
	call("create IPA size 200", create_vm(200));
	int vm = create_vm(0);
	call("vcpu id 100000", ioctl(vm, KVM_CREATE_VCPU, 100000));
	call("vcpu id 512", ioctl(vm, KVM_CREATE_VCPU, 512));
	int vcpu = call("vcpu id 0", ioctl(vm, KVM_CREATE_VCPU, 0));
	call("vcpu id 0 again", ioctl(vm, KVM_CREATE_VCPU, 0));
	call("run before init", ioctl(vcpu, KVM_RUN, 0));
	call("run with an argument", ioctl(vcpu, KVM_RUN, 1));
	call("get pc before init", get_reg(vcpu, PC));
	call("finalize before init", finalize(vcpu, KVM_ARM_VCPU_SVE));
	call("list before init", register_list(vcpu) ? 0 : -1);
	call("events before init", set_events(vcpu, 0, 0, 0, 0, 0));
	call("stopped before init", set_mp_state(vcpu, 5));
	call("init target 0x7777", init_vcpu(vcpu, 0x7777, PSCI));
	call("init feature bit 9", init_vcpu(vcpu, 5, 1u << 9));
	call("init feature bit 31", init_vcpu(vcpu, 5, 1u << 31));
	call("init one half of pointer authentication", init_vcpu(vcpu, 5, 1u << 5));
	call("init with EL2", init_vcpu(vcpu, 5, 1u << 7));
	call("init", init_vcpu(vcpu, 5, PSCI));
	call("init with POWER_OFF too", init_vcpu(vcpu, 5, PSCI | 1));
	call("init with other features", init_vcpu(vcpu, 5, 0));
	call("init another vCPU with other features", init_vcpu(ioctl(vm, KVM_CREATE_VCPU, 1), 5, 0));
	call("finalize feature 0", finalize(vcpu, 0));
	call("finalize SVE without it", finalize(vcpu, KVM_ARM_VCPU_SVE));
	call("get Z0 without SVE", get_reg(vcpu, Z0));
	call("get vector lengths without SVE", get_reg(vcpu, VLS));
	call("MTE after a vCPU", enable(vm, KVM_CAP_ARM_MTE, 0, 0));
	call("NISV with flags", enable(vm, KVM_CAP_ARM_NISV_TO_USER, 1, 0));
	call("NISV", enable(vm, KVM_CAP_ARM_NISV_TO_USER, 0, 0));
	call("an unknown capability", enable(vm, 9999, 0, 0));
	call("writable implementation registers after a vCPU", enable(vm, 239, 0, 0));
	close(vm);
}
static void sve_calls(void)
{
	int vm = create_vm(0), vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	uint64_t lengths[8] = { 0 }, hole[8] = { 5 }, none[8] = { 0 }, beyond[8] = { ~0ul, ~0ul, ~0ul, ~0ul, ~0ul, ~0ul, ~0ul, ~0ul };
	call("init with SVE", init_vcpu(vcpu, 5, PSCI | SVE));
	call("run with SVE not finalized", ioctl(vcpu, KVM_RUN, 0));
	call("list with SVE not finalized", register_list(vcpu) ? 0 : -1);
	call("get Z0 with SVE not finalized", get_reg(vcpu, Z0));
	call("get vector lengths", get_bytes(vcpu, VLS, lengths));
	say("vector lengths: %#lx", lengths[0]);
	call("set vector lengths with a hole", set_bytes(vcpu, VLS, hole));
	call("set no vector lengths", set_bytes(vcpu, VLS, none));
	call("set vector lengths beyond the host's", set_bytes(vcpu, VLS, beyond));
	call("finalize", finalize(vcpu, KVM_ARM_VCPU_SVE));
	call("finalize again", finalize(vcpu, KVM_ARM_VCPU_SVE));
	call("set vector lengths after that", set_bytes(vcpu, VLS, lengths));
	call("get Z0", get_reg(vcpu, Z0));
	call("get Z0 slice 1", get_reg(vcpu, Z0 + 1));
	call("get V0 with SVE", get_reg(vcpu, V0));
	call("get ZCR_EL1", get_reg(vcpu, SYS(3, 0, 1, 2, 0)));
	close(vm);
}
static void register_calls(char *host)
{
	int vm = create_vm(0), vcpu = new_vcpu(vm, 0, PSCI), other;
	struct kvm_run *run = map_run(vcpu);
	struct kvm_reg_list small = { .n = 3 };
	uint64_t isar0 = SYS(3, 0, 0, 6, 0), pfr0 = SYS(3, 0, 0, 4, 0), pfr1 = SYS(3, 0, 0, 4, 1);
	call("list too small", ioctl(vcpu, KVM_GET_REG_LIST, &small));
	call("get an id of another architecture", get_reg(vcpu, 0x4030000000100000ul));
	call("get pc as 32 bits", get_reg(vcpu, 0x6020000000100040ul));
	call("get X0 at half", get_reg(vcpu, CORE(1)));
	call("get a core register past the end", get_reg(vcpu, CORE(0x200)));
	call("get an unknown coprocessor", get_reg(vcpu, 0x6030000000770000ul));
	call("get an unknown system register", get_reg(vcpu, 0x603000000013fffful));
	call("get a system register as 32 bits", get_reg(vcpu, 0x602000000013c080ul));
	call("get SVCR", get_reg(vcpu, 0x603000000013da12ul));
	call("set PSTATE EL3h", set_reg(vcpu, PSTATE, 0x3cd));
	call("set PSTATE EL2h", set_reg(vcpu, PSTATE, 0x3c9));
	call("set PSTATE of AArch32 svc", set_reg(vcpu, PSTATE, 0x1d3));
	call("set PSTATE EL0t", set_reg(vcpu, PSTATE, 0x3c0));
	call("set PSTATE EL1h", set_reg(vcpu, PSTATE, 0x3c5));
	call("PSCI 0.1 with the feature", set_reg(vcpu, FIRMWARE(0), 1));
	call("PSCI 2.0", set_reg(vcpu, FIRMWARE(0), 0x20000));
	call("PSCI 1.1", set_reg(vcpu, FIRMWARE(0), 0x10001));
	call("PSCI 1.3", set_reg(vcpu, FIRMWARE(0), 0x10003));
	call("workaround level 7", set_reg(vcpu, FIRMWARE(1), 7));
	call("firmware register 4", get_reg(vcpu, FIRMWARE(4)));
	call("bitmap beyond", set_reg(vcpu, BITMAP(3), 4));
	call("bitmap 9", get_reg(vcpu, BITMAP(9)));
	call("ISAR0 above the host's", set_reg(vcpu, isar0, value_of(vcpu, isar0) | 0xful << 20));
	call("ISAR0 with atomics taken away", set_reg(vcpu, isar0, value_of(vcpu, isar0) & ~(0xful << 20)));
	call("PFR0 without EL0", set_reg(vcpu, pfr0, value_of(vcpu, pfr0) & ~0xful));
	call("PFR0 with SVE", set_reg(vcpu, pfr0, value_of(vcpu, pfr0) | 1ul << 32));
	call("PFR1 with SME", set_reg(vcpu, pfr1, value_of(vcpu, pfr1) | 1ul << 24));
	call("MIDR", set_reg(vcpu, SYS(3, 0, 0, 0, 0), 0));
	call("CTR_EL0 reserved L1Ip", set_reg(vcpu, SYS(3, 3, 0, 0, 1), value_of(vcpu, SYS(3, 3, 0, 0, 1)) & ~(3ul << 14)));
	call("mp state 7", set_mp_state(vcpu, 7));
	call("mp state suspended", set_mp_state(vcpu, 10));
	call("mp state runnable", set_mp_state(vcpu, 0));
	call("events with a reserved byte", set_events(vcpu, 0, 0, 0, 0, 1));
	call("events with a syndrome beyond ISS", set_events(vcpu, 1, 1, 0, 1ul << 25, 0));
	call("events with a syndrome and nothing pending", set_events(vcpu, 0, 1, 0, 1ul << 25, 0));
	call("debug control bit 2", set_debug(vcpu, 4));
	call("debug off", set_debug(vcpu, 0));
	call("KVM_GET_REGS", ioctl(vcpu, 0x8360ae81, host));
	call("KVM_GET_FPU", ioctl(vcpu, 0x81a0ae8c, host));
	call("unknown call of a vCPU", ioctl(vcpu, 0xae7f, 0));
	call("IRQ line 2 of a vCPU", irq_line(vm, 0, 0, 2, 1));
	call("IRQ line of vCPU 9", irq_line(vm, 0, 9, 0, 1));
	call("SPI without a controller", irq_line(vm, 1, 0, 40, 1));
	call("PPI without a controller", irq_line(vm, 2, 0, 20, 1));
	call("IRQ line of type 3", irq_line(vm, 3, 0, 0, 1));
	call("IRQ line off", irq_line(vm, 0, 0, 0, 0));
	call("counter offset with a reserved word", set_counter_offset(vm, 0, 1));
	call("counter offset", set_counter_offset(vm, 0, 0));
	int ppi = 27;
	call("has timer attribute 0", has_attribute(vcpu, KVM_ARM_VCPU_TIMER_CTRL, 0));
	call("has timer attribute 9", has_attribute(vcpu, KVM_ARM_VCPU_TIMER_CTRL, 9));
	call("timer PPI without a controller", set_attribute(vcpu, KVM_ARM_VCPU_TIMER_CTRL, 0, &ppi));
	call("has PMU attribute", has_attribute(vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, 1));
	call("has attribute of group 77", has_attribute(vcpu, 77, 0));
	call("VM has the filter", has_attribute(vm, KVM_ARM_VM_SMCCC_CTRL, 0));
	call("VM has attribute 5 of the filter", has_attribute(vm, KVM_ARM_VM_SMCCC_CTRL, 5));
	call("filter of nothing", set_filter(vm, 0xc6000000, 0, 2));
	call("filter that wraps", set_filter(vm, 0xffffffff, 2, 2));
	call("filter action 3", set_filter(vm, 0xc6000000, 1, 3));
	call("filter of architecture calls", set_filter(vm, 0x8000ffff, 1, 1));
	call("filter", set_filter(vm, 0xc6000000, 4, 2));
	call("filter again", set_filter(vm, 0xc6000003, 4, 1));
	call("device of type 99", ioctl(vm, KVM_CREATE_DEVICE, &(struct kvm_create_device){ .type = 99 }));
	run->immediate_exit = 1;
	call("run with immediate exit", ioctl(vcpu, KVM_RUN, 0));
	run->immediate_exit = 0;
	call("filter after a run", set_filter(vm, 0xc7000000, 1, 1));
	call("ISAR0 after a run", set_reg(vcpu, isar0, value_of(vcpu, isar0) | 0xful << 20));
	call("ISAR0 after a run, the same", set_reg(vcpu, isar0, value_of(vcpu, isar0)));
	call("bitmap after a run", set_reg(vcpu, BITMAP(3), 3));
	call("bitmap after a run, the same", set_reg(vcpu, BITMAP(3), 0));
	call("PSCI 1.0 after a run", set_reg(vcpu, FIRMWARE(0), 0x10000));
	call("a vCPU after a run", other = ioctl(vm, KVM_CREATE_VCPU, 1));
	set_events(vcpu, 0, 0, 1, 0, 0);
	say("after an external abort: pc %#lx esr %#lx", value_of(vcpu, PC), value_of(vcpu, SYS(3, 0, 5, 2, 0)));
	set_events(vcpu, 1, 1, 0, 0x123, 0);
	struct kvm_vcpu_events events;
	ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	say("events: %d %d %d %#llx", events.exception.serror_pending, events.exception.serror_has_esr, events.exception.ext_dabt_pending,
	    events.exception.serror_esr);
	close(other);
	close(vm);
	vm = create_vm(0), vcpu = new_vcpu(vm, 0, 1u << 0);
	call("PSCI 0.2 without the feature", set_reg(vcpu, FIRMWARE(0), 2));
	call("PSCI 0.1 without the feature", set_reg(vcpu, FIRMWARE(0), 1));
	close(vm);
}
/* Every register of the list: id, first word of its value, and whether it takes its own value. */
static void list_registers(void)
{
	int vm = create_vm(0), vcpu = new_vcpu(vm, 0, PSCI);
	struct kvm_reg_list *list = register_list(vcpu);
	for (unsigned i = 0; list && i < list->n; i++) {
		uint64_t value[32] = { 0 }, id = list->reg[i];
		int got = get_bytes(vcpu, id, value), set = got ? -1 : set_bytes(vcpu, id, value);
		say("reg %#lx: %#lx%s", id, value[0], set ? " refused" : "");
	}
	uint64_t masks[192] = { 0 };
	struct reg_mask_range range = { .addr = (unsigned long)masks };
	call("writable masks", ioctl(vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &range));
	for (int i = 0; i < 192; i++)
		if (masks[i])
			say("mask %d: %#lx", i, masks[i]);
	range.range = 1;
	call("writable masks of range 1", ioctl(vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &range));
	close(vm);
}

/* ---- guests ------------------------------------------------------------------ */
struct guest {
	char name[32];
	uint32_t features, vcpus, flags, ram_pages, bytes;
};
enum { TO_USER_NISV = 1, READ_ONLY_PAGE = 2, LOG = 4, FILTER = 8 };
enum { TAG_SERROR = 507, TAG_ABORT, TAG_IRQ, TAG_SWITCH, TAG_END = 511, MAX_VCPUS = 4, MAX_EXITS = 40000 };
#define READ_ANSWER 0x8182838485868788ul
#define READ_ONLY_AT 0x50000000ul

static void on_alarm(int number)
{
	(void)number;
}
struct machine {
	const struct guest *guest;
	int vm, vcpus[MAX_VCPUS];
	struct kvm_run *runs[MAX_VCPUS];
	unsigned current, ended;
};
/* The next vCPU that has not ended, or the same. */
static void next_vcpu(struct machine *m)
{
	for (unsigned i = 1; i <= m->guest->vcpus; i++) {
		unsigned other = (m->current + i) % m->guest->vcpus;
		if (!(m->ended & 1u << other)) {
			m->current = other;
			return;
		}
	}
}
/* One exit. 0: the VM is over. */
static int handle_exit(struct machine *m)
{
	const char *name = m->guest->name;
	unsigned cpu = m->current;
	struct kvm_run *run = m->runs[cpu];
	uint64_t value = 0;
	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		if (!run->mmio.is_write) {
			value = READ_ANSWER;
			memcpy(run->mmio.data, &value, 8);
			say("guest %s %u read %#llx %u", name, cpu, run->mmio.phys_addr, run->mmio.len);
			return 1;
		}
		memcpy(&value, run->mmio.data, run->mmio.len);
		if (run->mmio.phys_addr < DEVICE || run->mmio.phys_addr >= DEVICE + PAGE || run->mmio.len != 8) {
			say("guest %s %u write %#llx %u %#lx", name, cpu, run->mmio.phys_addr, run->mmio.len, value);
			return 1;
		}
		unsigned tag = (run->mmio.phys_addr - DEVICE) / 8;
		if (tag == TAG_END) {
			m->ended |= 1u << cpu;
			say("guest %s %u end", name, cpu);
			next_vcpu(m);
			return m->ended != (1u << m->guest->vcpus) - 1;
		}
		if (tag == TAG_SWITCH)
			next_vcpu(m);
		else if (tag == TAG_IRQ)
			irq_line(m->vm, 0, cpu, 0, value);
		else if (tag == TAG_ABORT)
			set_events(m->vcpus[cpu], 0, 0, 1, 0, 0);
		else if (tag == TAG_SERROR)
			set_events(m->vcpus[cpu], 1, value != 0, 0, value, 0);
		else
			say("guest %s %u %u %#lx", name, cpu, tag, value);
		return 1;
	case KVM_EXIT_SYSTEM_EVENT:
		say("guest %s %u event %u %u %#llx", name, cpu, run->system_event.type, run->system_event.ndata,
		    run->system_event.ndata ? run->system_event.data[0] : 0);
		return 0;
	case KVM_EXIT_HYPERCALL:
		say("guest %s %u call %#llx %#llx", name, cpu, run->hypercall.nr, run->hypercall.flags);
		set_reg(m->vcpus[cpu], CORE(0), 0x600d);
		return 1;
	case KVM_EXIT_ARM_NISV:
		say("guest %s %u nisv %#llx %#llx", name, cpu, run->arm_nisv.esr_iss, run->arm_nisv.fault_ipa);
		set_reg(m->vcpus[cpu], PC, value_of(m->vcpus[cpu], PC) + 4);
		return 1;
	default:
		say("guest %s %u exit %u", name, cpu, run->exit_reason);
		return 0;
	}
}
static void report_log(struct machine *m, const char *when)
{
	if (get_dirty_log(m->vm, 0))
		return;
	for (unsigned page = 0; page < m->guest->ram_pages; page++)
		if (log_bits[page / 8] & 1 << page % 8)
			say("guest %s dirty %s %u", m->guest->name, when, page);
}
static void run_guest(const struct guest *guest, const void *code, char *ram, char *read_only)
{
	struct machine m = { .guest = guest, .vm = create_vm(0) };
	int problem = 0;
	unsigned level = 0;
	memset(ram, 0, guest->ram_pages * PAGE);
	memcpy(ram, code, guest->bytes);
	set_memory(m.vm, 0, 0, RAM, guest->ram_pages * PAGE, ram);
	if (guest->flags & READ_ONLY_PAGE)
		set_memory(m.vm, 1, KVM_MEM_READONLY, READ_ONLY_AT, PAGE, read_only);
	if (guest->flags & TO_USER_NISV)
		enable(m.vm, KVM_CAP_ARM_NISV_TO_USER, 0, 0);
	if (guest->flags & FILTER) {
		set_filter(m.vm, 0xc6000000, 4, 2);
		set_filter(m.vm, 0xc7000000, 1, 1);
	}
	for (unsigned i = 0; i < guest->vcpus; i++) {
		m.vcpus[i] = ioctl(m.vm, KVM_CREATE_VCPU, i);
		problem |= init_vcpu(m.vcpus[i], 5, guest->features | (i ? 1 : 0));
		if (guest->features & SVE)
			problem |= finalize(m.vcpus[i], KVM_ARM_VCPU_SVE);
		problem |= set_reg(m.vcpus[i], PC, RAM);
		m.runs[i] = map_run(m.vcpus[i]);
	}
	if (guest->flags & LOG)
		set_memory(m.vm, 0, KVM_MEM_LOG_DIRTY_PAGES, RAM, guest->ram_pages * PAGE, ram);
	if (problem)
		say("guest %s refused %d", guest->name, errno);
	for (int exits = 0; !problem && exits < MAX_EXITS; exits++) {
		alarm(4);
		if (ioctl(m.vcpus[m.current], KVM_RUN, 0) < 0) {
			unsigned now = m.runs[m.current]->s.regs.device_irq_level;
			if (errno == EINTR && now != level) {
				say("guest %s %u interrupts %u", guest->name, m.current, level = now);
				continue;
			}
			say("guest %s %u errno %d", guest->name, m.current, errno);
			break;
		}
		if (!handle_exit(&m))
			break;
	}
	alarm(0);
	if (!problem)
		say("guest %s pc %#lx pstate %#lx", guest->name, value_of(m.vcpus[m.current], PC), value_of(m.vcpus[m.current], PSTATE));
	if (guest->flags & LOG) {
		report_log(&m, "first");
		report_log(&m, "again");
	}
	for (unsigned i = 0; i < guest->vcpus; i++) {
		munmap(m.runs[i], ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
		close(m.vcpus[i]);
	}
	close(m.vm);
}
/* The file: the number of guests, then for each its description and its code. */
static void run_guests(char *ram, char *read_only)
{
	static char file[8 << 20];
	int fd = open("/guests", O_RDONLY);
	long length = 0, got;
	while ((got = read(fd, file + length, sizeof(file) - length)) > 0)
		length += got;
	uint32_t count;
	memcpy(&count, file, 4);
	char *at = file + 4;
	for (uint32_t i = 0; i < count; i++) {
		struct guest guest;
		memcpy(&guest, at, sizeof(guest));
		run_guest(&guest, at + sizeof(guest), ram, read_only);
		at += sizeof(guest) + guest.bytes;
	}
}

int main(void)
{
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	int console = open("/dev/console", O_RDWR);
	for (int i = 0; i < 3; i++)
		dup2(console, i);
	struct sigaction action = { .sa_handler = on_alarm };
	sigaction(SIGALRM, &action, NULL);
	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		say("no KVM: %d", errno);
	char *host = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	capabilities();
	creation_calls();
	memory_calls(host);
	sve_calls();
	register_calls(host);
	list_registers();
	run_guests(host, host + (4 << 20));
	say("done");
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
