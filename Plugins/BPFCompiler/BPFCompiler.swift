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
        return [systemCalls(context, clang: clang)]
            + programs.map { source in
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

extension BPFCompiler {
    /// Names of the system calls by number, of the architecture that is built for: from the C library's own header.
    private func systemCalls(_ context: PluginContext, clang: URL) -> Command {
        let list = context.pluginWorkDirectoryURL.appending(path: "system_calls.c")
        let script = """
            set -eu
            {
              printf '%s\\n' '#include "tapio_system_calls.h"' '#include <sys/syscall.h>' 'static const char *const names[] = {'
              printf '#include <sys/syscall.h>\\n' | "$1" -E -dM -x c - |
                sed -n 's/^#define __NR_\\([a-z][a-z0-9_]*\\) .*/\\1/p' |
                grep -v -x -e syscalls -e arch_specific_syscall | sort |
                sed 's/.*/    [__NR_&] = "&",/'
              printf '%s\\n' '};' \\
                'const char *tapio_system_call_name(uint32_t number)' \\
                '{' \\
                '    return number < tapio_system_call_count() ? names[number] : 0;' \\
                '}' \\
                'uint32_t tapio_system_call_count(void)' \\
                '{' \\
                '    return sizeof names / sizeof *names;' \\
                '}'
            } > "$2"
            """
        return .buildCommand(
            displayName: "Listing system calls",
            executable: URL(filePath: "/bin/sh"),
            arguments: ["-c", script, "system-calls", clang.path(), list.path()],
            inputFiles: [],
            outputFiles: [list]
        )
    }
}

struct PluginFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
