import CommandSupport
import Foundation
import PetProRuntime

/// Opens pages in the user's browser.
enum Browser {
    /// The program that opens a page: the one at the absolute path in the variable `BROWSER`, else the desktop's. Other values of `BROWSER`,
    /// such as lists, are ignored. Nil if the output is no terminal, and without either program.
    private static var opener: String? {
        guard isatty(STDOUT_FILENO) == 1 else { return nil }
        let variables = ProcessInfo.processInfo.environment
        if let chosen = variables["BROWSER"], chosen.hasPrefix("/"),
            FileManager.default.isExecutableFile(atPath: chosen)
        {
            return chosen
        }
        #if os(macOS)
        return "/usr/bin/open"
        #else
        guard variables["DISPLAY"] != nil || variables["WAYLAND_DISPLAY"] != nil else { return nil }
        return "/usr/bin/xdg-open"
        #endif
    }

    /// Opens a page, if there is a program for it. Otherwise the user opens the URL in the terminal.
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
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try? process.run()
    }
}
