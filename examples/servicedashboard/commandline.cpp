// SPDX-License-Identifier: Apache-2.0
#include "commandline.h"

#include <MicroIO/Version>

#include <QCommandLineParser>
#include <QFileInfo>
#include <QImageWriter>
#include <QRegularExpression>

#include <stdexcept>

namespace {

constexpr QSize smallest(800, 600);
constexpr QSize largest(7680, 4320);

/// Its text is for whoever has typed the arguments.
struct BadArgument : std::runtime_error
{
    explicit BadArgument(const QString &text)
        : std::runtime_error(text.toStdString())
    {
    }
};

QString sizeText(QSize size)
{
    return QStringLiteral("%1x%2").arg(size.width()).arg(size.height());
}

QSize sizeOf(const QString &text)
{
    static const QRegularExpression pattern(QStringLiteral("^(\\d{1,5})x(\\d{1,5})$"));
    const auto match = pattern.match(text);
    if (!match.hasMatch())
        throw BadArgument(QStringLiteral("--size %1: a size is WIDTHxHEIGHT, such as 800x600").arg(text));
    const QSize size(match.captured(1).toInt(), match.captured(2).toInt());
    if (size.expandedTo(smallest) != size || size.boundedTo(largest) != size)
        throw BadArgument(QStringLiteral("--size %1: sizes are from %2 to %3")
                              .arg(text, sizeText(smallest), sizeText(largest)));
    return size;
}

std::chrono::milliseconds secondsOf(const QString &text)
{
    bool isNumber = false;
    const double seconds = text.toDouble(&isNumber);
    if (!isNumber || !(seconds >= 0 && seconds <= 3600))
        throw BadArgument(
            QStringLiteral("--after %1: a number of seconds from 0 to 3600 is needed").arg(text));
    return std::chrono::milliseconds(qRound64(seconds * 1000));
}

Scenes::Scene sceneOf(const QString &text)
{
    if (text == QStringLiteral("healthy"))
        return Scenes::Scene::Healthy;
    if (text == QStringLiteral("failed"))
        return Scenes::Scene::Failed;
    if (text == QStringLiteral("paused"))
        return Scenes::Scene::Paused;
    throw BadArgument(QStringLiteral("--scene %1: the scenes are healthy, failed and paused").arg(text));
}

QString pictureOf(const QString &fileName)
{
    const QFileInfo file(fileName);
    if (!QImageWriter::supportedImageFormats().contains(file.suffix().toLower().toLatin1()))
        throw BadArgument(
            QStringLiteral("--screenshot %1: the name of a picture ends in .png").arg(fileName));
    if (!QFileInfo(file.path()).isDir())
        throw BadArgument(
            QStringLiteral("--screenshot %1: there is no folder %2").arg(fileName, file.path()));
    return fileName;
}

QString folderOf(const QString &folder)
{
    if (!QFileInfo(folder).isDir())
        throw BadArgument(QStringLiteral("--watch %1: there is no such folder").arg(folder));
    return QFileInfo(folder).absoluteFilePath();
}

CommandLine parseOrThrow(const QStringList &arguments)
{
    const QCommandLineOption screenshot(QStringLiteral("screenshot"),
                                        QStringLiteral("Write a picture of the window to FILE, and exit."),
                                        QStringLiteral("FILE"));
    const QCommandLineOption after(
        QStringLiteral("after"),
        QStringLiteral("That many SECONDS after the start; later, if the scene is not there yet."),
        QStringLiteral("SECONDS"), QStringLiteral("3"));
    const QCommandLineOption scene(QStringLiteral("scene"), QStringLiteral("Play healthy, failed or paused."),
                                   QStringLiteral("SCENE"));
    const QCommandLineOption size(QStringLiteral("size"), QStringLiteral("Of the window; 800x600 at least."),
                                  QStringLiteral("WIDTHxHEIGHT"));
    const QCommandLineOption dark(QStringLiteral("dark"),
                                  QStringLiteral("Dark colours, whatever the system's are."));
    const QCommandLineOption folder(QStringLiteral("watch"),
                                    QStringLiteral("Watch FOLDER, not that of the journal."),
                                    QStringLiteral("FOLDER"));

    const QCommandLineOption help({QStringLiteral("h"), QStringLiteral("help")},
                                  QStringLiteral("Print this."));

    QCommandLineParser parser;
    parser.setApplicationDescription(QStringLiteral("Services under a supervisor, live."));
    parser.addOptions({screenshot, after, scene, size, dark, folder, help});
    const auto version = parser.addVersionOption();
    if (!parser.parse(arguments))
        throw BadArgument(parser.errorText());

    CommandLine result;
    if (parser.isSet(help)) {
        QString text = parser.helpText();
        text.replace(QStringLiteral("<executable_name>"), QStringLiteral("servicedashboard"));
        result.exit = {text, EXIT_SUCCESS};
        return result;
    }
    if (parser.isSet(version)) {
        result.exit = {QStringLiteral("servicedashboard " MICROIO_VERSION_STR), EXIT_SUCCESS};
        return result;
    }
    if (!parser.positionalArguments().isEmpty())
        throw BadArgument(
            QStringLiteral("%1: it takes only options").arg(parser.positionalArguments().constFirst()));
    if (parser.isSet(after) && !parser.isSet(screenshot))
        throw BadArgument(QStringLiteral("--after says when a picture is taken: it needs --screenshot FILE"));
    if (parser.isSet(screenshot)) {
        result.screenshot = pictureOf(parser.value(screenshot));
        result.after = secondsOf(parser.value(after));
        result.scene = Scenes::Scene::Healthy;
    }
    if (parser.isSet(scene))
        result.scene = sceneOf(parser.value(scene));
    if (parser.isSet(size))
        result.size = sizeOf(parser.value(size));
    if (parser.isSet(folder))
        result.folder = folderOf(parser.value(folder));
    result.isDark = parser.isSet(dark);
    return result;
}

} // namespace

CommandLine CommandLine::parse(const QStringList &arguments)
{
    try {
        return parseOrThrow(arguments);
    } catch (const BadArgument &error) {
        CommandLine result;
        result.exit = {QStringLiteral("servicedashboard: %1").arg(QString::fromUtf8(error.what())),
                       EXIT_FAILURE};
        return result;
    }
}
