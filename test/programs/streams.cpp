#include <iomanip>
#include <iostream>
#include <sstream>
#include <vector>
struct Shape { virtual ~Shape() = default; virtual double area() const = 0; };
struct Circle : Shape { double r; explicit Circle(double x) : r(x) {} double area() const override { return 3.14159 * r * r; } };
struct Square : Shape { double a; explicit Square(double x) : a(x) {} double area() const override { return a * a; } };
template <class T> T power(T x, int n) { T r = 1; while (n--) r *= x; return r; }
int main() { std::vector<Shape *> v{new Circle(1.5), new Square(2), new Circle(0.1)}; for (auto *s : v) std::cout << std::setprecision(10) << s->area() << '\n'; for (auto *s : v) delete s;
  std::istringstream in("12 3.5 word 0x1f"); int i; double d; std::string w; in >> i >> d >> w; std::cout << i + d << w << std::hex << i << std::endl; std::cout << std::fixed << std::setw(12) << std::setfill('*') << power(1.1, 20) << ' ' << power(3L, 30) << '\n'; auto f = [&](auto x) { return x + i; }; std::cout << std::dec << f(1) << f(1.5) << '\n'; return 0; }
