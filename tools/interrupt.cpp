// A signal handler may only post a semaphore; a thread waits for it and asks for the stop.
#include "interrupt.h"

#include <semaphore.h>
#include <signal.h>

#include <thread>

namespace tenon::cli {
namespace {

sem_t interrupted;

void on_signal(int) { sem_post(&interrupted); }

}  // namespace

std::stop_token stop_on_interrupt() {
  static std::stop_source source;
  sem_init(&interrupted, 0, 0);
  std::thread([] {
    while (sem_wait(&interrupted) != 0) {
    }
    source.request_stop();
  }).detach();
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction before;
    sigaction(number, &action, &before);
    // A shell starts background work with Ctrl-C ignored, and so it stays.
    if (before.sa_handler == SIG_IGN) sigaction(number, &before, nullptr);
  }
  return source.get_token();
}

}  // namespace tenon::cli
