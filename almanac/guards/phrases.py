"""The rules of injection over words, English and Russian, each under a name."""

from __future__ import annotations

import re


def _rule(*alternatives: str) -> re.Pattern[str]:
    """Any of the alternatives, whole words, in any case; a space stands for any white space."""
    joined = "|".join(f"(?:{one})" for one in alternatives).replace(" ", r"\s+")
    return re.compile(rf"(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE | re.DOTALL)


def _any(*words: str) -> str:
    return f"(?:{'|'.join(words)})"


_FEW = r"(?:\W+\w+){0,3}?\W+"  # up to three words between
_DROP = _any(
    "ignore",
    "disregard",
    "forget",
    "override",
    "bypass",
    "discard",
    "do not follow",
    "don['’]t follow",
    "stop following",
    "erase",
)
_WHICH = _any(
    "previous",
    "prior",
    "above",
    "earlier",
    "preceding",
    "initial",
    "original",
    "your",
    "system",
)
_ORDERS = _any(
    "instructions?",
    "rules?",
    "prompts?",
    "directions",
    "guidelines?",
    "directives?",
    "commands?",
    "messages?",
    "context",
    "constraints?",
    "programming",
    "training",
)
_BARE_ORDERS = _any("instructions", "rules", "role", "prompt", "guidelines", "directives")
_RU_DROP = _any(
    r"(?:про)?игнорир\w+",
    r"забуд(?:ь|ьте)",
    "забыть",
    r"отмени(?:те)?",
    r"не следуй(?:те)?",
    r"не выполняй(?:те)?",
    r"не обращай(?:те)? внимания на",
    r"пренебреги(?:те)?",
    r"отбрось(?:те)?",
    r"обойди(?:те)?",
    r"сотри(?:те)? из памяти",
)
_RU_WHICH = _any(
    r"предыдущ\w+",
    r"прошл\w+",
    r"прежн\w+",
    "выше",
    r"вышеуказанн\w+",
    r"вс[еёю]\w{0,3}",
    r"сво\w{1,3}",
    r"тво\w{1,3}",
    r"исходн\w+",
    r"системн\w+",
    "эти",
)
_RU_ORDERS = _any(
    r"инструкци\w+",
    r"указани\w+",
    r"правил\w*",
    r"промпт\w*",
    r"команд\w*",
    r"ограничени\w+",
    r"настройк\w+",
    r"контекст\w*",
)
_SHOW = _any(
    "reveal",
    "print",
    "show",
    "repeat",
    "output",
    "display",
    "leak",
    "tell me",
    "give me",
    "write out",
    "reproduce",
    "dump",
)
_RU_SHOW = _any(
    r"покажи\w*",
    r"выведи\w*",
    r"повтори\w*",
    r"раскрой\w*",
    r"напечатай\w*",
    r"напиши\w*",
    r"процитируй\w*",
    r"скажи\w*",
    r"выда(?:й|йте)",
    r"дай(?:те)?",
)
_SECRET = _any("system", "hidden", "initial", "secret", "developer", "internal", "original")
_RU_SECRET = _any(r"системн\w+", r"скрыт\w+", r"исходн\w+", r"начальн\w+", r"секретн\w+")
_SAY = _any("answer", "reply", "respond", "say", "output", "recommend", "tell", "claim")
_RU_SAY = _any(r"отвеча\w+", r"ответ\w*", r"говори\w*", r"рекоменду\w*", r"утвержда\w*")
_EVER = _any("always", "never", "must", "only")
_RU_EVER = _any("всегда", "никогда", r"долж\w+", "только")
_LIMITS = _any("rules", "restrictions", "limits", "limitations", "filters?", "guidelines")
_FREE = _any(f"no {_LIMITS}", "unrestricted", "unfiltered", "dan")
_MODES = _any("dan", "god", "jailbreak", "sudo", "developer mode and", "unrestricted")
_RU_LIMITS = _any("ограничени[йя]", "правил", "фильтров", "запретов")
_MACHINE = _any("ai", "model", "assistant", "bot")
_RU_MACHINE = _any(r"ассистент\w*", r"помощник\w*", r"модел\w+", r"бот\w*", "ии")
# Where an order begins: "Can I ignore all rules?" is none.
_BIDDEN = r"(?:^|[.!?;:,]\s*|\b(?:and|then|please|now|to|и|а|пожалуйста)\s+)"
_AUTHORITY = _any(
    "you",
    "your",
    "always",
    "never",
    "must",
    "ignore",
    "approve",
    "allow",
    r"authori[sz]ed",
    "policy",
    "instructions?",
    "ты",
    "тебе",
    "всегда",
    "никогда",
    r"долж\w+",
    r"игнорир\w+",
    r"одобр\w+",
    r"разреш\w+",
)

# Tokens that a tokenizer may read as its own: never to be trained on, quoted or not.
MARKERS = re.compile(
    r"<\|/?[a-z_]{2,30}\|?>|</?(?:start|end)_of_turn>|\[/?INST\]|</?<?SYS>>|<｜[^｜\n]{1,30}｜>"
    # Blanks of one line before it: over many lines, each of them would look at all that follow.
    r"|^[^\S\n]*#{2,}\s*(?:system|instructions?|assistant)\s*:"
    r"|^[^\S\n]*(?:assistant|ассистент)\s*:\s*\S"
    r"|^[^\S\n]*\"?role\"?\s*:\s*\"?(?:system|assistant|developer)\b"
    r"|^[^\S\n]*\[(?:system|admin|developer|система|админ)\w*\]"
    rf"|^[^\S\n]*(?:system|система)\s*:.{{0,80}}\b{_AUTHORITY}\b",
    re.IGNORECASE | re.MULTILINE,
)
SPOKEN = {
    "ignore_instructions": _rule(
        rf"{_DROP}{_FEW}{_WHICH}{_FEW}{_ORDERS}",
        rf"{_BIDDEN}{_DROP}\W+(?:(?:all|any|the|these|those|my|of)\W+)*{_BARE_ORDERS}",
        rf"{_BIDDEN}{_RU_DROP}\W+(?:{_RU_ORDERS}|защит\w+)",
        rf"{_BIDDEN}forget (?:your role|everything)",
        rf"{_DROP}{_FEW}{_ORDERS} (?:you (?:were|have been|are)|given|above)",
        r"new (?:system )?instructions?(?:\s*:| (?:have been|are) (?:loaded|active|in effect))",
        r"нов\w+ (?:инструкци|указани)\w+(?:\s*:| (?:загружен|вступил|действу)\w+)",
        r"obey (?:only )?me|слушайся (?:только )?меня|слушаться только меня",
        rf"{_DROP} (?:everything|anything|all|what)\b.{{0,30}}\b(?:above|before|previously|told)",
        rf"{_RU_DROP}{_FEW}{_RU_WHICH}{_FEW}{_RU_ORDERS}",
        rf"{_RU_DROP} (?:вс[её]|о ч[её]м)\b.{{0,30}}\b(?:выше|ранее|раньше|до этого|прежде)",
    ),
    "system_prompt": _rule(
        rf"{_SHOW}\b(?:\W+\w+){{0,4}}?\W+(?:your|the)\W+(?:\w+\W+){{0,2}}?{_SECRET}\W+"
        r"(?:prompt|instructions?|message|rules)",
        rf"{_SHOW}\W+(?:me\W+)?your\W+(?:\w+\W+)?(?:prompt|instructions)",
        rf"{_RU_SHOW}\W+(?:(?:мне|текст|содержание)\W+)*(?:сво|тво|ваш)\w*\W+(?:\w+\W+)?"
        r"(?:промпт|инструкци|указани)\w*",
        r"repeat\b.{0,30}\b(?:words|text|everything)\b.{0,20}\babove",
        rf"{_RU_SHOW}{_FEW}{_RU_SECRET}\W+(?:промпт|инструкци|сообщени|указани|правил)\w*",
    ),
    "new_role": _rule(
        rf"you are (?:now|no longer)\b.{{0,40}}\b(?:{_MACHINE}|dan|jailbroken|bound)",
        r"(?:pretend|act|behave|role-?play) (?:you|to be|to have|as if|as though|like|as)\b"
        rf".{{0,40}}\b{_FREE}",
        rf"(?:you|an? {_MACHINE})\b.{{0,20}}\b(?:have no|without(?: any)?) {_LIMITS}",
        rf"{_BIDDEN}act as (?:root|admin\w*|a hacker|dan)",
        rf"(?:enable|enter|activate|switch to)\b.{{0,20}}\b{_MODES}(?: mode)?",
        rf"у тебя (?:больше )?нет (?:никаких )?{_RU_LIMITS}",
        rf"(?:теперь|отныне|с этой минуты) (?:ты|вы)\b.{{0,40}}\b(?:dan|без|должен|{_RU_MACHINE})",
        rf"(?:ты|вы) (?:теперь|больше не)\b.{{0,40}}\b(?:{_RU_MACHINE}|админ\w*)",
        r"притворись\b.{0,60}\b(?:ограничени\w+|правил\w*|запрет\w*)",
        r"(?:включи|активируй|перейди в)\b.{0,20}\bрежим\w* (?:разработчика|бога|отладки|без)",
    ),
    "speaks_to_training": _rule(
        rf"(?:from now on|in all future|henceforth|for all future)\b.{{0,60}}\b{_EVER}\b"
        rf".{{0,40}}\b{_SAY}",
        rf"(?:when(?:ever)?|if) (?:you are |you're |anyone |a user |users? )?(?:asked|asks?)\b"
        rf".{{0,60}}\b{_EVER}\b.{{0,20}}\b{_SAY}",
        rf"(?:when|during|for|in) (?:the )?(?:fine-?tuning|training)\b.{{0,60}}\b{_EVER}\b"
        rf".{{0,40}}\b{_SAY}",
        r"(?:correct|right) answer (?:is|must be|should be) always|правильный ответ всегда",
        r"(?:memori[sz]e|learn) this\b.{0,40}\b(?:always|as the (?:right|correct)|training)",
        r"(?:note to|dear|attention,?) (?:the )?(?:trainer|labell?er|annotator|grader)s?",
        r"(?:mark|rate|label|score|grade) this\b.{0,30}\b(?:correct|right|good|positive|chosen)",
        rf"(?:отныне|впредь|с этого момента|с этой минуты)\b.{{0,60}}\b(?:{_RU_EVER}|{_RU_SAY})",
        rf"(?:когда|если)\b.{{0,15}}\b(?:спрос\w+|спрашива\w+)\b.{{0,60}}\b{_RU_EVER}\b"
        rf".{{0,20}}\b{_RU_SAY}",
        rf"(?:при обучении|для обучения|при дообучении|запомни это)\b.{{0,60}}\b{_RU_EVER}",
        r"(?:оцени|отметь|пометь|оценивай)(?:те)?\b.{0,20}\bкак\b.{0,15}"
        r"\b(?:правильн|верн|хорош)\w+",
    ),
}
# What a page does not show: comments of HTML and Markdown, and elements that are hidden.
UNSEEN = re.compile(
    r"<!--.{0,2000}?-->|^\[//\]: # [(\"'].{0,500}?[)\"']$"
    r"|<[a-z]{1,10}[^<>]{0,200}(?:display:\s*none|visibility:\s*hidden|font-size:\s*0|hidden)"
    r"[^<>]{0,200}>[^<]{0,1000}",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
_READERS = (
    r"(?:ai|llm|language|machine)[- ](?:models?|systems?|assistants?|agents?|readers?|bots?)",
    "llms?",
    "assistants?",
    "chat ?bots?",
    "bots?",
    "ai",
    "gpt",
    r"нейросет\w+",
    r"языков\w+ модел\w+",
    r"ассистент\w*",
    r"чат-?бот\w*",
    r"бот(?:у|ы|ам|ов|а)?",
    "ии",
    r"модел[иья]\w{0,2}",
    "copilot",
    r"(?:digital|virtual|automated) (?:helper|agent|assistant)s?",
    r"(?:machine|software|automated) readers?",
    r"(?:цифров|виртуальн|автоматическ)\w+ (?:помощник|агент)\w*",
)
_READER = _any(*_READERS)
_READS = (
    r"(?:read|process|summari[sz]|pars|handl|index|quot|work(?:ing|s) through|see(?:s|ing)|чита"
    r"|прочит|обрабатыва|пересказ|анализир|встрет|видит)\w*"
)
_THIS = (
    r"(?:this|the present|these|that|the above|этот|это|эту|эта|этого|данн\w+|настоящ\w+"
    r"|текст\w*|строк\w+|документ\w*|приказ\w*|таблиц\w*|записк\w*|письм\w+)"
)
_ORDERED = (
    r"(?:must|should|shall|may|has to|have to|is to|are to|needs? to|will|обяза\w+|долж\w+"
    r"|следует|надлежит|нужно|надо|необходимо|просим|просьба|может)"
)
_SAYING = (
    r"(?:say|state|tell|answer|reply|report|claim|mention|quote|recommend|append|prepend|add"
    r"|output|ignore|forward|send|skip|rate|rank|treat|finish|end|отвеча\w+|ответ\w+|сказа\w+"
    r"|говор\w+|сообщ\w+|назыв\w+|назва\w+|указ\w+|упомин\w+|утвержда\w+|совет\w+|добав\w+"
    r"|счита\w+|подтвержда\w+|молч\w+|игнорир\w+)"
)
# A document's words to the models that read it.
TO_READERS = _rule(
    rf"{_READER}\b.{{0,40}}\b{_READS}\b.{{0,25}}\b{_THIS}\b.{{0,120}}\b(?:{_ORDERED}|{_SAYING})",
    rf"{_THIS}\b.{{0,30}}\b{_READS}\b.{{0,20}}\b{_READER}\b.{{0,120}}\b(?:{_ORDERED}|{_SAYING})",
    rf"(?:if|should|when|если|когда)\b.{{0,40}}\b(?:you are|ты|вы)\b.{{0,12}}\b{_READER}\b"
    rf".{{0,120}}\b(?:{_ORDERED}|{_SAYING})",
    rf"(?:dear|attention,?|note to|notice to|message (?:to|for)|for the attention of|hello,?"
    rf"|уважаем\w+|дорог\w+|вниманию|внимание,?|примечание для|для|к сведению)\W+(?:all |any |the "
    rf"|every |всех )?{_READER}\b.{{0,200}}\b(?:{_ORDERED}|{_SAYING})",
    rf"{_READER}\b.{{0,25}}\b(?:are|is) (?:directed|asked|requested|instructed|advised|told"
    rf"|informed|authori[sz]ed|permitted) to\b",
    rf"{_READER}\W+(?:it |they |он |она |они )?{_ORDERED}\W+(?:\w+\W+){{0,3}}?{_SAYING}",
    rf"{_READER}\s?[:,]\W*(?:please |always |never |do not |не )?{_SAYING}",
    rf"{_READER}, прочитав\b.{{0,80}}\b{_SAYING}",
)
READERS = _rule(*_READERS)  # who a text speaks of that speaks to models
ADDRESSED = _rule(*_READERS, "agents?", "prompt", "you must", "ты")
ABOUT = _rule(
    "what (?:is|are|does|do)",
    "how (?:do|does|can|should|to)",
    "why (?:is|do|does|are)",
    "explain",
    "means?",
    "meaning",
    "define",
    "examples?",
    "attacks?",
    "injections?",
    "jailbreaks?",
    "prevent",
    "protect",
    "detect",
    "phrase",
    "что (?:такое|значит|означает)",
    "почему",
    r"объясни\w*",
    r"как (?:защит|предотвра|обнаруж|работа)\w+",
    r"пример\w*",
    r"атак\w*",
    r"инъекци\w+",
    r"внедрени\w+",
    r"защит\w+",
    r"фраз\w+",
)
