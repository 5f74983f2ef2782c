// A handler may only post a semaphore; a thread that waits for it asks the work to stop.
#include "interrupt.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include <atomic>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

namespace tenon::python {
namespace {

sem_t posted;
struct sigaction pythons;
// fork() does not wait for it: it is held while a stop is asked for.
std::mutex active_mutex;
bool watched = false;
std::stop_source* active = nullptr;
std::thread::id active_thread;
// A number for each piece of work: a signal that came at the end of one must not stop the next.
std::atomic<uint64_t> current = 0, interrupted = 0;

void on_interrupt(int signal) {
  pythons.sa_handler(signal);
  interrupted = current.load();
  sem_post(&posted);
}

void watch() {
  for (;;) {
    while (sem_wait(&posted) != 0) {
    }
    const std::lock_guard lock(active_mutex);
    if (active != nullptr && interrupted == current) active->request_stop();
  }
}

// As Python names it: set when the module is loaded, and in a child, where it is the forking one.
std::atomic<unsigned long> main_thread = 0;

// A child has no watcher, and no thread but that which forked: work of another is not its own.
void begin_in_child() {
  new (&active_mutex) std::mutex;
  watched = false;
  main_thread = PyThread_get_thread_ident();
  if (active == nullptr || active_thread == std::this_thread::get_id()) return;
  sigaction(SIGINT, &pythons, nullptr);
  active = nullptr;
}

void start_watching() {
  if (std::exchange(watched, true)) return;
  sem_init(&posted, 0, 0);
  std::thread(watch).detach();
}

}  // namespace

void remember_main_thread() {
  const nb::object threading = nb::module_::import_("threading");
  main_thread = nb::cast<unsigned long>(threading.attr("main_thread")().attr("ident"));
  pthread_atfork(nullptr, nullptr, begin_in_child);
}

// Every run makes one: no look at Python's objects.
Interruptible::Interruptible() {
  active_ = PyThread_get_thread_ident() == main_thread;
  if (!active_) return;
  const std::lock_guard lock(active_mutex);
  start_watching();
  active_ = active == nullptr;  // work within work: the outer one's handler serves
  if (!active_) return;
  sigaction(SIGINT, nullptr, &pythons);
  active_ = pythons.sa_handler != SIG_DFL && pythons.sa_handler != SIG_IGN;
  if (!active_) return;
  active = &source_;
  active_thread = std::this_thread::get_id();
  ++current;
  struct sigaction ours = {};
  ours.sa_handler = on_interrupt;
  sigaction(SIGINT, &ours, nullptr);
}

Interruptible::~Interruptible() {
  if (!active_) return;
  sigaction(SIGINT, &pythons, nullptr);
  const std::lock_guard lock(active_mutex);
  active = nullptr;
}

}  // namespace tenon::python
