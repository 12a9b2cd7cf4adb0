#include <math.h>
#include <stdio.h>

int main(void) {
  double sum = 0;
  for (int n = 1; n <= 10; n++) sum += sqrt(n * n);
  printf("counted %.0f\n", sum);
  return 0;
}
