// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include "../shared/scriptedservice.h"

#include <MicroIO/Errors>
#include <MicroIO/IncidentModel>
#include <MicroIO/ServiceModel>

#include <QAccessible>
#include <QMetaEnum>
#include <QQmlEngine>

#include <algorithm>
#include <chrono>
#include <stdexcept>

using MicroIO::ServiceStatus;
using MicroIO::Supervisor;

namespace {

Supervisor::ServiceSpec specOf(const QString &name)
{
    Supervisor::ServiceSpec spec;
    spec.name = name;
    spec.factory = [name]() -> std::unique_ptr<MicroIO::ServiceThread> {
        const auto body = [name](Tests::ScriptedService &self, MicroIO::CancelScope scope) -> QCoro::Task<> {
            if (name.startsWith(QLatin1String("broken")))
                throw std::runtime_error("it is broken");
            if (!name.startsWith(QLatin1String("late")))
                self.reportStarted();
            co_await scope.cancelled();
        };
        return MicroIO::makeService<Tests::ScriptedService>(body, name);
    };
    return spec;
}

} // namespace

Rig::Rig(QObject *parent)
    : QObject(parent)
{
}

Rig::~Rig()
{
    if (m_hammer.joinable())
        m_hammer.join();
}

void Rig::watch()
{
    m_log.emplace();
}

QStringList Rig::takeWarnings()
{
    return m_log->take();
}

QStringList Rig::endWatch()
{
    const QStringList warnings = m_log->take();
    m_log.reset();
    return warnings;
}

QVariantMap Rig::accessible(QObject *item) const
{
    const auto *interface = QAccessible::queryAccessibleInterface(item);
    if (!interface)
        return {};
    const auto roles = QMetaEnum::fromType<QAccessible::Role>();
    return {
        {QStringLiteral("name"), interface->text(QAccessible::Name)},
        {QStringLiteral("description"), interface->text(QAccessible::Description)},
        {QStringLiteral("role"), QString::fromLatin1(roles.valueToKey(interface->role()))},
        {QStringLiteral("selected"), bool(interface->state().selected)},
        {QStringLiteral("disabled"), bool(interface->state().disabled)},
    };
}

bool Rig::press(QObject *item) const
{
    auto *interface = QAccessible::queryAccessibleInterface(item);
    auto *actions = interface ? interface->actionInterface() : nullptr;
    if (!actions || !actions->actionNames().contains(QAccessibleActionInterface::pressAction()))
        return false;
    actions->doAction(QAccessibleActionInterface::pressAction());
    return true;
}

void Rig::show(QObject *shower)
{
    if (auto *status = qobject_cast<ServiceStatus *>(shower))
        status->setSource(m_fakes);
    else if (auto *services = qobject_cast<MicroIO::ServiceModel *>(shower))
        services->setSource(m_fakes);
    else if (auto *incidents = qobject_cast<MicroIO::IncidentModel *>(shower))
        incidents->setSource(m_incidents);
    else
        qFatal("what is to show?");
}

std::shared_ptr<Tests::FakeEntry> Rig::fake(const QString &name) const
{
    const auto entry = std::static_pointer_cast<Tests::FakeEntry>(m_fakes->find(name));
    if (!entry)
        qFatal("there is no fake of that name");
    return entry;
}

void Rig::addFake(const QString &name, int place)
{
    m_fakes->add(name, place);
}

void Rig::removeFake(const QString &name)
{
    m_fakes->arrange(
        [entry = fake(name)](auto &all) { all.erase(std::find(all.begin(), all.end(), entry)); });
}

void Rig::setFakeState(const QString &name, int state, const QString &error)
{
    fake(name)->change([&](auto &facts) {
        facts.state = ServiceStatus::State(state);
        facts.errorString = error;
    });
}

void Rig::setFakeFacts(const QString &name, int restartCount, int queued, bool canRestart)
{
    fake(name)->setQueued(queued);
    fake(name)->change([&](auto &facts) {
        facts.restartCount = restartCount;
        facts.canRestart = canRestart;
    });
}

int Rig::fakeState(const QString &name) const
{
    return int(fake(name)->facts().state);
}

void Rig::addIncident(const QString &service, const QString &cause)
{
    m_incidents->add(service, cause);
}

void Rig::hammer(const QString &name, int times)
{
    using namespace std::chrono_literals;
    if (m_hammer.joinable())
        m_hammer.join();
    m_isHammering = true;
    m_hammer = std::thread([this, times, entry = fake(name)] {
        constexpr int slices = 250; // of 4 ms
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 1; i <= times; ++i) {
            entry->change([i](auto &facts) {
                facts.state = i % 2 ? ServiceStatus::State::Running : ServiceStatus::State::Failed;
                facts.restartCount = i;
            });
            if (i % (times / slices) == 0)
                std::this_thread::sleep_until(begin + 4ms * (i / (times / slices)));
        }
        m_isHammering = false;
    });
}

bool Rig::isHammering() const
{
    return m_isHammering;
}

QObject *Rig::supervisor() const
{
    return m_supervisor.get();
}

void Rig::supervise(const QStringList &names)
{
    m_supervisor = std::make_unique<Supervisor>();
    for (const QString &name : names)
        addService(name);
    Q_EMIT supervisorChanged();
}

void Rig::start()
{
    m_supervisor->start();
}

void Rig::stop()
{
    m_supervisor->stop();
}

void Rig::addService(const QString &name)
{
    m_supervisor->addService(specOf(name));
}

void Rig::removeService(const QString &name)
{
    m_supervisor->removeService(name);
}

bool Rig::fail(const QString &name)
{
    try {
        m_supervisor->service<Tests::ScriptedService>(name).callSoon([](Tests::ScriptedService &service) {
            service.taskGroup().startSoon([]() -> QCoro::Task<> {
                throw std::runtime_error("out of paper");
                co_return;
            });
        });
    } catch (const MicroIO::ServiceError &) {
        return false;
    }
    return true;
}

void Rig::deleteSupervisor()
{
    m_supervisor.reset();
    Q_EMIT supervisorChanged();
}

QObject *Rig::newThread(const QString &name)
{
    m_threads.push_back(specOf(name).factory());
    QObject *thread = m_threads.back().get();
    QQmlEngine::setObjectOwnership(thread, QQmlEngine::CppOwnership);
    return thread;
}

void Rig::deleteThread(QObject *thread)
{
    std::erase_if(m_threads, [thread](const auto &one) { return one.get() == thread; });
}
