"""How the report looks, on a screen and on paper."""

STYLE = """
:root { color-scheme: light; --ink: #24292f; --soft: #57606a; --line: #d8dee4; --ground: #f6f8fa; --accent: #d1495b; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 24px 48px; background: white; }
header { border-bottom: 3px solid var(--accent); margin-bottom: 18px; }
.kind { margin: 0; color: var(--soft); font-size: 13px; letter-spacing: .06em; text-transform: uppercase; }
h1 { margin: 0; font-size: 26px; overflow-wrap: anywhere; }
h2 { margin: 34px 0 10px; font-size: 21px; border-bottom: 1px solid var(--line); }
h3 { margin: 22px 0 6px; font-size: 16px; }
.cards { display: flex; flex-wrap: wrap; gap: 14px; margin-top: 14px; }
.card { flex: 1 1 270px; border: 1px solid var(--line); border-radius: 6px; padding: 4px 14px 8px; }
.card h3 { margin-top: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 400; color: var(--soft); padding: 2px 8px 2px 0; }
td { text-align: right; font-variant-numeric: tabular-nums; padding: 2px 0 2px 8px; }
small { color: var(--soft); }
.caption { color: var(--soft); font-size: 12.5px; margin: 6px 0; }
.notes { border-left: 4px solid #e9b44c; background: #fdf7e7; padding: 4px 16px 6px; margin: 18px 0; }
.notes h3 { margin-top: 6px; }
.notes ul { margin: 4px 0 8px; padding-left: 20px; }
.plot { width: 100%; height: auto; display: block; }
.frames { display: flex; flex-wrap: wrap; gap: 12px; }
figure { margin: 0; }
figure img { height: 210px; border-radius: 4px; display: block; }
figcaption { font-size: 12.5px; color: var(--soft); margin-top: 3px; }
details { margin: 12px 0; }
summary { cursor: pointer; font-weight: 600; }
pre { background: var(--ground); padding: 10px 14px; border-radius: 6px; font-size: 12.5px; overflow-x: auto; }
footer { border-top: 1px solid var(--line); margin-top: 30px; }
nav { margin: 8px 0; }
@media print { body, main { background: white; } main { padding: 0; } section { break-before: auto; } }
"""
