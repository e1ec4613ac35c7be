-- Answers documents on stdin with HTML on stdout; see pandoc.py.
local writer = {html_math_method = "mathjax", highlight_method = "none", wrap_text = "none"}

local function convert(data, reader)
  local document = pandoc.read(data, reader, nil, {})  -- {}: no file of this machine can be read
  local abstract = document.meta.abstract
  local answer = {
    title = pandoc.utils.stringify(document.meta.title or ""),
    abstract = "",
    html = pandoc.write(document, "html", writer),
  }
  if abstract and pandoc.utils.type(abstract) == "Blocks" then
    answer.abstract = pandoc.write(pandoc.Pandoc(abstract), "html", writer)
  end
  return pandoc.json.encode(answer)
end

while true do
  local line = io.read("L")
  if not line then break end
  local reader, size = line:match("^(%S+) (%d+)")
  local data = io.read(tonumber(size)) or ""
  local ok, answer = pcall(convert, data, reader)
  if not ok then answer = pandoc.json.encode({error = tostring(answer)}) end
  io.write(#answer, "\n", answer)
  io.flush()
end
