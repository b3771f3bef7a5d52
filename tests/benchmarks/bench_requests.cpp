// SPDX-License-Identifier: Apache-2.0
// Requests of a thousand coroutines of one loop, answered by a second thread: a RequestRegistry beside a QPromise each
// whose future is awaited with QCoro. Built twice, because counting allocations costs time: see CMakeLists.txt.

#ifdef MICROIO_COUNT_ALLOCATIONS
#include "../auto/shared/allocations.h"
#endif
#include "measure.h"
#include "peers.h"

#include <MicroIO/RequestRegistry>

#include <QCoreApplication>

#include <atomic>
#include <mutex>
#include <thread>

using namespace MicroIO;

namespace {

constexpr int outstanding = 1'000;
constexpr int perCoroutine = 500;
constexpr int requests = outstanding * perCoroutine;

/// What brings requests to the thread that answers; the same for both. That thread polls: waking it would cost more than
/// a request does.
template<typename Request>
class Answerer
{
public:
    template<typename Answer>
    explicit Answerer(Answer answer)
        : m_thread([this, answer] { run(answer); })
    {
    }
    ~Answerer()
    {
        m_stop = true;
        m_thread.join();
    }
    Q_DISABLE_COPY_MOVE(Answerer)

    void ask(Request request)
    {
        const std::lock_guard lock(m_mutex);
        m_requests.push_back(std::move(request));
    }

private:
    template<typename Answer>
    void run(const Answer &answer)
    {
        std::vector<Request> taken;
        while (!m_stop) {
            {
                const std::lock_guard lock(m_mutex);
                taken.swap(m_requests);
            }
            if (taken.empty())
                std::this_thread::yield();
            for (Request &request : taken)
                answer(request);
            taken.clear();
        }
    }

    std::mutex m_mutex;
    std::vector<Request> m_requests; // guarded by m_mutex
    std::atomic<bool> m_stop = false;
    std::thread m_thread;
};

void check(qint64 value, qint64 expected)
{
    if (value != expected)
        qFatal("not the answer");
}

using Registry = RequestRegistry<int, qint64>;

QCoro::Task<> askRegistry(Registry &registry, CancelScope scope, Answerer<int> &answerer, int first,
                          Peers::Countdown &countdown)
{
    for (int key = first; key < first + perCoroutine; ++key)
        check(co_await registry.request(scope, key, [&](int k) { answerer.ask(k); }), key);
    countdown.oneEnded();
}

/// By handles instead of keys: the answer cannot be missed.
QCoro::Task<> askByHandle(Registry &registry, CancelScope scope, Answerer<ReplyHandle<int, qint64>> &answerer,
                          int first, Peers::Countdown &countdown)
{
    using Handle = ReplyHandle<int, qint64>;
    for (int key = first; key < first + perCoroutine; ++key) {
        const auto value = co_await registry.request(scope, key,
                                                     [&](Handle handle) { answerer.ask(std::move(handle)); });
        check(value, key);
    }
    countdown.oneEnded();
}

struct Promised
{
    Promised(QPromise<qint64> p, int k)
        : promise(std::move(p))
        , key(k)
    {
    }
    QPromise<qint64> promise;
    int key;
};

QCoro::Task<> askPromises(Answerer<Promised> &answerer, int first, Peers::Countdown &countdown)
{
    for (int key = first; key < first + perCoroutine; ++key) {
        QPromise<qint64> promise;
        promise.start();
        const auto future = promise.future();
        answerer.ask(Promised(std::move(promise), key));
        check(co_await future, key);
    }
    countdown.oneEnded();
}

/// Runs a thousand coroutines that \a start starts; gives nanoseconds, or allocations, a request.
double measure(const std::function<void(int first, Peers::Countdown &)> &start)
{
    Peers::Countdown countdown;
    countdown.left = outstanding;
#ifdef MICROIO_COUNT_ALLOCATIONS
    const auto before = Tests::allocationCount.load();
#else
    const double before = Bench::wallSeconds();
#endif
    for (int i = 0; i < outstanding; ++i)
        start(i * perCoroutine, countdown);
    countdown.loop.exec();
#ifdef MICROIO_COUNT_ALLOCATIONS
    return double(Tests::allocationCount.load() - before) / requests;
#else
    return (Bench::wallSeconds() - before) * 1e9 / requests;
#endif
}

double withRegistry()
{
    Registry registry;
    const CancelScope scope;
    Answerer<int> answerer([&](int key) { registry.resolve(key, key); });
    return measure([&](int first, Peers::Countdown &countdown) {
        askRegistry(registry, scope, answerer, first, countdown);
    });
}

double withHandles()
{
    Registry registry;
    const CancelScope scope;
    using Handle = ReplyHandle<int, qint64>;
    Answerer<Handle> answerer([](const Handle &handle) { handle.resolve(handle.key()); });
    return measure([&](int first, Peers::Countdown &countdown) {
        askByHandle(registry, scope, answerer, first, countdown);
    });
}

double withPromises()
{
    Answerer<Promised> answerer([](Promised &request) {
        request.promise.addResult(request.key);
        request.promise.finish();
    });
    return measure([&](int first, Peers::Countdown &countdown) { askPromises(answerer, first, countdown); });
}

} // namespace

int main(int argc, char **argv)
{
    const QCoreApplication app(argc, argv);
#ifdef MICROIO_COUNT_ALLOCATIONS
    const QString unit = QStringLiteral("allocations");
    const int runs = 1;
#else
    const QString unit = QStringLiteral("ns");
    const int runs = 5;
#endif
    if (app.arguments().contains(QStringLiteral("ours"))) { // for a profiler
        for (int run = 0; run < runs; ++run)
            QTextStream(stdout) << withRegistry() << ' ' << unit << Qt::endl;
        return 0;
    }
    Bench::compare(QStringLiteral("request"), unit, 20, withRegistry, withPromises, runs);
    Bench::compare(QStringLiteral("request, answered by its handle"), unit, 20, withHandles, withPromises,
                   runs);
    return 0;
}
