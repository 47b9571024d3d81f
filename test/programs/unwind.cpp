#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>
struct Fault { int code; };
static int (*volatile sending)(int) = raise;
static void on(int, siginfo_t *i, void *) { sigset_t s; sigemptyset(&s); sigaddset(&s, SIGUSR1); sigprocmask(SIG_UNBLOCK, &s, nullptr); throw Fault{i->si_code}; }
static int guards;
struct Guard { ~Guard() { guards++; } };
__attribute__((noinline)) static int deep(volatile int *p, int n) { Guard g; return n == 0 ? sending(*p) : deep(p, n - 1) + 1; }
struct Base { virtual ~Base() = default; virtual void act() { throw std::out_of_range("base"); } };
struct Derived : Base { void act() override { try { Base::act(); } catch (const std::out_of_range &e) { throw std::runtime_error(std::string("derived of ") + e.what()); } } };
int main() {
  struct sigaction a {}; a.sa_sigaction = on; a.sa_flags = SA_SIGINFO; sigaction(SIGUSR1, &a, nullptr); int number = SIGUSR1;
  for (int n = 0; n < 4; n++) try { deep(&number, 5 * n); } catch (const Fault &f) { std::printf("fault %d after %d guards\n", f.code, guards); }
  try { Derived d; Base *b = &d; b->act(); } catch (const std::exception &e) { std::puts(e.what()); }
  try { std::string(static_cast<std::size_t>(-1), 'x'); } catch (const std::length_error &) { std::puts("length"); }
  std::vector<std::string> v; for (int i = 0; i < 1000; i++) v.push_back(std::string(static_cast<unsigned>(i), 'a' + i % 26)); std::size_t sum = 0; for (auto &s : v) sum += s.size() * (s.empty() ? 1 : static_cast<unsigned char>(s[0])); std::printf("%zu\n", sum);
  return 0;
}
