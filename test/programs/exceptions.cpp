#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>
struct Guard { int &n; explicit Guard(int &x) : n(x) {} ~Guard() { n++; } };
static int unwound;
static double deep(int n, double x) { Guard g(unwound); if (n == 0) throw std::runtime_error("bottom " + std::to_string(x)); return deep(n - 1, x * 1.25) + 1; }
int main() {
  for (int i = 0; i < 30; i += 7) try { deep(i, 1.0); } catch (const std::logic_error &) { puts("no"); } catch (const std::exception &e) { printf("%s %d\n", e.what(), unwound); }
  try { try { throw 42; } catch (int n) { printf("%d\n", n); throw; } } catch (...) { puts("again"); }
  try { std::vector<int>(3).at(5) = 1; } catch (const std::out_of_range &) { puts("range"); }
  return 0;
}
