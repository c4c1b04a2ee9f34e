import CommandSupport
import Foundation
import PetProRuntime

/// Opens pages in the browser of a desktop.
enum Browser {
    /// The program that opens a URL here: the one at the path in the variable `BROWSER`, else that of the desktop. Nil unless a person at
    /// a desktop started this program.
    private static var opener: String? {
        guard isatty(STDOUT_FILENO) == 1 else { return nil }
        let variables = ProcessInfo.processInfo.environment
        if let chosen = variables["BROWSER"], chosen.hasPrefix("/") { return chosen }
        #if os(macOS)
        return "/usr/bin/open"
        #else
        guard variables["DISPLAY"] != nil || variables["WAYLAND_DISPLAY"] != nil else { return nil }
        return "/usr/bin/xdg-open"
        #endif
    }

    /// Opens a page, if there is a desktop. Without one, the URL in the terminal has to do.
    ///
    /// The URL may have a token, which the arguments of a program would show to every user of the machine: the browser gets the path of
    /// a file that leads there, which only this user may read.
    static func open(_ url: String, by file: String) {
        guard let opener, FileManager.default.isExecutableFile(atPath: opener) else { return }
        let page = "<!doctype html><title>PetPro</title><meta http-equiv=\"refresh\" content=\"0; url=\(url)\">"
        // Nothing is lost without it.
        guard (try? PrivateFiles.write(Data(page.utf8), to: file)) != nil else { return }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: opener)
        process.arguments = [file]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try? process.run()
    }
}
