# installer\install.ps1 [OPTIONS]: install Likeness for this user; needs a Python 3.11 or newer, nothing else.
# NOT RUN: written from documentation, never tried on a Windows. The engine itself does not run there yet.
$ErrorActionPreference = "Stop"
$check = "import sys; sys.exit(sys.version_info < (3, 11))"
foreach ($candidate in @("py -3", "python3", "python")) {
    $words = $candidate.Split(" ")
    if (-not (Get-Command $words[0] -ErrorAction SilentlyContinue)) { continue }
    & $words[0] @($words | Select-Object -Skip 1) -c $check
    if ($LASTEXITCODE -eq 0) {
        $env:PYTHONDONTWRITEBYTECODE = "1"
        & $words[0] @($words | Select-Object -Skip 1) $PSScriptRoot install @args
        exit $LASTEXITCODE
    }
}
Write-Error "Likeness needs Python 3.11 or newer. Install it from python.org and try again."
exit 1
