#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>
int main() {
  std::map<std::string, int> m; std::unordered_map<int, double> u; std::set<int> s; unsigned r = 1;
  for (int i = 0; i < 5000; i++) { r = r * 1664525u + 1013904223u; m["k" + std::to_string(r % 300)]++; u[(int)(r >> 20)] += i * 0.5; s.insert((int)(r >> 16) % 1000); }
  std::vector<std::pair<int, std::string>> v; for (auto &[k, n] : m) v.emplace_back(n, k); std::sort(v.rbegin(), v.rend()); for (int i = 0; i < 5; i++) printf("%d %s\n", v[i].first, v[i].second.c_str());
  double t = 0; std::vector<int> keys; for (auto &p : u) keys.push_back(p.first); std::sort(keys.begin(), keys.end()); for (int k : keys) t += u[k] * k; printf("%zu %zu %a\n", m.size(), s.size(), t);
  std::vector<double> d(1000); std::iota(d.begin(), d.end(), 0.5); printf("%f\n", std::accumulate(d.begin(), d.end(), 0.0)); auto p = std::make_shared<std::string>(1000, 'z'); auto q = p; printf("%ld %zu\n", p.use_count(), q->size()); return 0;
}
