"""Whether a name is that of a public person: said of what they did, not of what somebody wants.

A help desk's question speaks of colleagues and customers by first person and by what an office does
(mailbox, payslip, badge); an encyclopaedia's of births, works, battles and prizes. Where neither is
said, a name counts as private.
"""

from __future__ import annotations

import re

_PRIVATE = re.compile(
    r"(?<!\w)(?:i|i'm|my|me|mine|we|our|us|please|colleague|manager|boss|customer|client|patient"
    r"|tenant|employee|driver|wife|husband|son|daughter|mother|father|sister|brother|friend"
    r"|neighbou?r|mrs|mr|ms|miss|mailbox|payslip|payroll|salary|badge|sick|leave|account|passport"
    r"|visa|e-?mail|mail|phone|call|ring|ticket|invoice|contract|laptop|desk|room|office|appointment"
    r"|booking|holiday|lives|parcel|я|мне|мой|моя|мо[её]го|моей|мою|меня|мы|наш\w*|нам|прошу"
    r"|пожалуйста|коллег\w*|начальни\w*|руководител\w*|клиент\w*|пациент\w*|сотрудни\w*|водител\w*"
    r"|жен[аеуы]|муж\w{0,2}|сын\w{0,2}|доч\w*|мам\w|пап\w|сестр\w|брат\w*|подруг\w*|сосед\w*"
    r"|заявлени\w*|справк\w*|зарплат\w*|пропуск\w*|отпуск\w*|больничн\w*|договор\w*|паспорт\w*"
    r"|виз\w|почт\w*|телефон\w*|звон\w*|перезвон\w*|компьютер\w*|кабинет\w*|хозя\w+|владел\w+"
    r"|заявк\w*|снилс|инн|адрес\w*)(?!\w)",
    re.IGNORECASE,
)
_PUBLIC = re.compile(
    r"(?<!\w)(?:born|died?|death|wrote|written|invented|discovered|painted|composed|reign\w*|won"
    r"|elected|president|prime minister|king|queen|emperor|pope|saint|tsar|dynasty|poet|writer"
    r"|novel|novels|poem|album|song|songs|film|films|movie|movies|actor|actress|singer|composer"
    r"|painter|paintings?|band|league|champion\w*|cup|tournament|olympic\w*|nobel|oscar|grammy"
    r"|award\w*|prize|battle|war|army|treaty|theory|theorem|law|act|philosoph\w+|physic\w+"
    r"|scientist|mathematician|founded|explorer|expedition|century|biograph\w+|legend|directed"
    r"|starred|played|coach|senator|governor|reformation|delivered|published|monument|museum"
    r"|родил\w+|умер\w*|написал\w*|изобр[её]\w*|открыл\w*|сочинил\w*|правил\w*|президент\w*|цар\w+"
    r"|корол\w+|император\w*|поэт\w*|писател\w*|композитор\w*|художни\w*|режисс[её]р\w*|акт[её]р\w*"
    r"|певец|певиц\w+|роман\w{0,2}|фильм\w*|песн\w+|альбом\w*|картин\w+|битв\w+|войн\w+|теори\w+"
    r"|теорем\w+|преми\w+|наград\w*|чемпион\w*|олимп\w+|основал\w*|уч[её]н\w+|философ\w*|физик\w*"
    r"|экспедици\w+|век\w{0,3}|памятник\w*|музе\w+|имени|лицее|династи\w+|полководец|сборн\w+)(?!\w)",
    re.IGNORECASE,
)
_KNOWN = re.compile(
    r"(?<!\w)(?:shakespeare|einstein|newton|darwin|lincoln|washington|napoleon|beethoven|mozart"
    r"|bach|piazzolla|curie|tesla|edison|churchill|gandhi|mandela|kennedy|roosevelt|jefferson"
    r"|columbus|luther|calvin|galile[io]|leonardo|michelangelo|picasso|van gogh|dickens|austen"
    r"|hemingway|tolkien|orwell|freud|marx|aristotle|plato|socrates|caesar|kahlo|chopin|bill gates"
    r"|steve jobs|elon musk|trump|obama|biden|putin|merkel|thatcher|пушкин\w*|толст(?:ой|ого|ому)"
    r"|достоевск\w+|чехов\w*|гогол\w+|лермонтов\w*|тургенев\w*|ломоносов\w*|менделеев\w*"
    r"|гагарин\w*|ленин\w*|сталин\w*|путин\w*|горбач[её]в\w*|ельцин\w*|чайковск\w+|шостакович\w*"
    r"|эйнштейн\w*|ньютон\w*|дарвин\w*|шекспир\w*|наполеон\w*|бетховен\w*|моцарт\w*|кюри|лютер\w*"
    r"|кутузов\w*|суворов\w*|королёв|циолковск\w+|есенин\w*|маяковск\w+|ахматов\w+|цветаев\w+)(?!\w)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?]\s+(?=[A-ZА-ЯЁ])|\n")


def is_public(text: str, start: int, end: int) -> bool:
    """Does the sentence around text[start:end] speak of a public person?"""
    if _KNOWN.search(text[start:end]):
        return True
    before = [match.end() for match in _SENTENCE.finditer(text, max(0, start - 300), start)]
    after = _SENTENCE.search(text, end, end + 300)
    sentence = text[before[-1] if before else max(0, start - 300) : start]
    sentence += " " + text[end : after.start() if after else end + 300]
    return bool(_PUBLIC.search(sentence)) and not _PRIVATE.search(sentence)
