import CommandSupport
import Foundation

/// Opens pages in the browser of a desktop.
enum Browser {
    /// The program that opens a URL here. Nil unless a person at a desktop started this program.
    private static var opener: String? {
        guard isatty(STDOUT_FILENO) == 1 else { return nil }
        #if os(macOS)
        return "/usr/bin/open"
        #else
        let variables = ProcessInfo.processInfo.environment
        guard variables["DISPLAY"] != nil || variables["WAYLAND_DISPLAY"] != nil else { return nil }
        return "/usr/bin/xdg-open"
        #endif
    }

    /// Opens a page, if there is a desktop. Whoever has none sees the URL in the terminal.
    static func open(_ url: String) {
        guard let opener, FileManager.default.isExecutableFile(atPath: opener) else { return }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: opener)
        process.arguments = [url]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        // Nothing is lost without it.
        try? process.run()
    }
}
