import Foundation
import PackagePlugin

/// Compiles every `*.bpf.c` of a C target with the toolchain's own clang and embeds the object in that target.
///
/// Each program becomes one generated C file that `#embed`s the BPF object and adds an entry to the linker section
/// `tapio_bpf_objects`, which `objects.c` walks. Only the C file is declared as an output: a declared object file would
/// become a resource bundle.
@main
struct BPFCompiler: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        guard let target = target as? ClangSourceModuleTarget else {
            throw PluginFailure("BPFCompiler is for C targets; \(target.name) is not one")
        }
        let directory = target.directoryURL
        let include = directory.appending(path: "include")
        let headers = try [include, directory.appending(path: "kernel")].flatMap {
            try FileManager.default.contentsOfDirectory(at: $0, includingPropertiesForKeys: nil)
        }
        .filter { $0.pathExtension == "h" }
        let programs = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            .filter { $0.lastPathComponent.hasSuffix(".bpf.c") }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
        let clang = try context.tool(named: "clang").url
        let objcopy = try context.tool(named: "llvm-objcopy").url
        return programs.map { source in
            let name = source.lastPathComponent.replacing(".bpf.c", with: "")
            let object = context.pluginWorkDirectoryURL.appending(path: "\(name).bpf.o")
            let embed = context.pluginWorkDirectoryURL.appending(path: "\(name).embed.c")
            let script = """
                set -eu
                "$1" -target bpf -mcpu=v3 -O2 -g -std=gnu17 -Wall -Wextra -Werror -I "$2" -c "$3" -o "$4"
                "$5" --strip-debug "$4"
                printf '%s\\n' \\
                  '#include "tapio_objects.h"' \\
                  'static const unsigned char image[] __attribute__((aligned(8))) = {' \\
                  "#embed \\"$4\\"" \\
                  '};' \\
                  'static const struct tapio_bpf_object entry __attribute__((used, retain, section("tapio_bpf_objects"))) = {' \\
                  "    \\"$7\\", image, sizeof image" \\
                  '};' > "$6"
                """
            return .buildCommand(
                displayName: "Compiling BPF program \(name)",
                executable: URL(filePath: "/bin/sh"),
                arguments: [
                    "-c", script, "bpf-compile", clang.path(), include.path(), source.path(), object.path(),
                    objcopy.path(), embed.path(), name,
                ],
                inputFiles: [source] + headers,
                outputFiles: [embed]
            )
        }
    }
}

struct PluginFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
