"""Common names: given names and family names as the United States counted them in 1990.

The most frequent of the census' lists, which are in the public domain. They know the people of one
country and one year: a name from elsewhere is found by the words around it, or not at all.

Source: U.S. Census Bureau (1995), "Frequently Occurring First Names and Surnames From the 1990
Census".
"""

from lab_kit.privacy.tokens import word_set

GIVEN = word_set(
    """\
aaron abby abel abigail abraham ada adam addie adele adeline adrian adriana adrienne agnes aida
aileen aimee al alan albert alberta alberto alejandro alex alexander alexandra alexis alfonso
alfred alfredo alice alicia alisa alisha alison allan allen allison alma alonzo alta alton alvin
alyssa amanda amber amelia amos amy ana andre andrea andres andrew andy angel angela angelia
angelica angelina angeline angelo angie anita ann anna anne annette annie anthony antoinette
antonia antonio april archie arlene armando arnold arthur arturo ashley aubrey audrey aurora
austin autumn barbara barry beatrice beatriz becky belinda ben benjamin bennie benny bernadette
bernard bernice bert bertha bessie beth bethany betsy bette bettie betty beulah beverly bill
billie billy blake blanca blanche bob bobbi bobbie bobby bonita bonnie boyd brad bradford bradley
brandi brandon brandy brenda brendan brent brett brian bridget brittany brittney brooke bruce
bryan bryant byron caitlin caleb callie calvin cameron camille candace candice candy cara carl
carla carlos carlton carmela carmen carol carole carolina caroline carolyn carrie carroll cary
casey cassandra cassie catherine cathleen cathy cecelia cecil cecile cecilia cedric celeste celia
cesar chad charity charlene charles charlie charlotte chelsea cheri cherie cheryl chester chris
christa christi christian christie christina christine christopher christy cindy claire clara
clarence clarice clark claude claudette claudia clay clayton cleo clifford clifton clint clinton
clyde cody colin colleen connie conrad constance consuelo cora corey corinne cornelius cory
courtney craig cristina crystal curtis cynthia daisy dale dallas damon dan dana daniel danielle
danny daphne darin darla darlene darnell darrel darrell darren darrin darryl daryl dave david dawn
dean deana deanna debbie debora deborah debra dee delbert delia della delores deloris dena denise
dennis derek derrick desiree devin dewey dexter diana diane dianna dianne dina dixie dolly dolores
domingo dominic dominick dominique don donald donna donnie dora doreen doris dorothea dorothy
dorthy doug douglas doyle drew duane dustin dwayne dwight earl earnest ebony ed eddie edgar edith
edmond edmund edna eduardo edward edwin effie eileen elaine elbert eleanor elena elias elijah
elisa elisabeth elise elizabeth ella ellen ellis elma elmer eloise elsa elsie elva elvira emanuel
emilio emily emma emmett enrique eric erica erick erik erika erin erma ernest ernestine ernesto
ervin esperanza essie estella estelle ester esther ethel etta eugene eugenia eula eunice eva evan
evelyn everett faith fannie fay faye felicia felipe felix fern fernando flora florence floyd
forrest frances francine francis francisca francisco frank frankie franklin fred freda freddie
frederick fredrick frieda gabriel gabriela gabrielle gail gale garrett garry gary gayle gene
geneva genevieve geoffrey george georgia gerald geraldine gerard gerardo gertrude gilbert gilberto
gina ginger gladys glen glenda glenn glenna gloria goldie gordon grace gracie graciela grady grant
greg gregg gregory gretchen guadalupe guillermo gustavo guy gwen gwendolyn hannah harold harriet
harry harvey hattie hazel heather hector heidi helen helena helene henrietta henry herbert herman
hilda holly homer hope horace howard hubert hugh hugo ian ida ignacio imogene ina inez ingrid ira
irene iris irma irvin irving isaac isabel isabelle ismael israel iva ivan ivy jack jackie jaclyn
jacob jacqueline jacquelyn jaime jake james jamie jan jana jane janelle janet janette janice janie
janine janis jared jasmine jason javier jay jayne jean jeanette jeanine jeanne jeannette jeannie
jeannine jeff jeffery jeffrey jenifer jenna jennie jennifer jenny jerald jeremiah jeremy jermaine
jerome jerry jesse jessica jessie jesus jewel jewell jill jillian jim jimmie jimmy jo joan joann
joanna joanne jocelyn jodi jodie jody joe joel joey johanna john johnathan johnnie johnny jolene
jon jonathan jonathon joni jordan jorge jose josefina joseph josephine josh joshua josie joy joyce
juan juana juanita judith judy julia julian julie julio julius june justin justine kara karen kari
karin karl karla kate katharine katherine kathleen kathryn kathy katie katrina kay kayla keisha
keith kelley kelli kellie kelly kelsey kelvin ken kendra kenneth kenny kent keri kerri kerry kevin
kim kimberley kimberly kirk kirsten krista kristen kristi kristie kristin kristina kristine
kristopher kristy krystal kurt kyle lacey ladonna lamar lana lance lara larry latasha latonya
latoya laura laurel lauren laurence laurie laverne lawrence lea leah leanne lee leigh lela leland
lena lenora leo leola leon leona leonard leroy lesley leslie lester leticia levi lewis lila
lillian lillie lily linda lindsay lindsey lionel lisa lizzie lloyd lois lola lonnie lora loren
lorena lorene lorenzo loretta lori lorie lorna lorraine lottie lou louis louise lourdes lowell
lucas lucia lucile lucille lucinda lucy luella luis luke lula lupe luther luz lydia lyle lynda
lynette lynn lynne mabel mable mack madeline mae maggie malcolm mamie mandy manuel manuela marc
marcella marcia marco marcos marcus marcy margaret margarita margie margo margret marguerite maria
marian marianne maribel marie marilyn marina mario marion marisa marisol marissa maritza marjorie
mark marla marlene marlon marsha marshall marta martha martin martina marty marvin mary maryann
mathew matt matthew mattie maude maureen maurice mavis max maxine may mayra megan meghan melanie
melba melinda melissa melody melvin mercedes meredith merle michael micheal michele michelle
miguel mike mildred millie milton mindy minnie miranda miriam misty mitchell mollie molly mona
monica monique morgan morris moses muriel myra myrna myron myrtle nadine nancy naomi natalie
natasha nathan nathaniel neal neil nell nellie nelson nettie nicholas nichole nick nicolas nicole
nikki nina noah noel nora norma norman olga olive oliver olivia ollie omar opal ora orlando
orville oscar otis owen pablo paige pam pamela pat patrica patrice patricia patrick patsy patti
patty paul paula paulette pauline pearl pedro peggy penny percy perry pete peter petra phil philip
phillip phyllis polly preston priscilla rachael rachel rachelle rafael ralph ramiro ramon ramona
randal randall randolph randy raquel raul ray raymond reba rebecca rebekah regina reginald rena
rene renee rex rhonda ricardo richard rick rickey ricky rita robbie robert roberta roberto robin
robyn rochelle roderick rodney rodolfo rogelio roger roland rolando roman ron ronald ronda ronnie
roosevelt rosa rosalie rosalind rosario rose rosemarie rosemary rosetta rosie ross roxanne roy
ruben ruby rudolph rudy rufus russell ruth ryan sabrina sadie sallie sally salvador salvatore sam
samantha sammy samuel sandra sandy santiago santos sara sarah saul scott sean selma sergio seth
shana shane shanna shannon shari sharon shaun shauna shawn shawna sheena sheila shelby sheldon
shelia shelley shelly sheri sherman sherri sherrie sherry sheryl shirley sidney silvia simon
socorro sondra sonia sonja sonya sophia sophie spencer stacey staci stacie stacy stanley stefanie
stella stephanie stephen steve steven stewart stuart sue summer susan susana susanne susie suzanne
sybil sylvester sylvia tabitha tamara tami tamika tammie tammy tanya tara tasha taylor ted terence
teresa teri terrance terrell terrence terri terry thelma theodore theresa therese thomas tiffany
tim timmy timothy tina toby todd tom tomas tommie tommy toni tonia tony tonya tracey traci tracie
tracy travis trevor tricia trina trisha troy trudy tyler tyrone ursula valerie van vanessa velma
vera verna vernon veronica vicki vickie vicky victor victoria vincent viola violet virgil virginia
vivian wade wallace walter wanda warren wayne wendell wendy wesley whitney wilbert wilbur wilfred
willa willard william willie willis wilma wilson winifred winnie winston woodrow yolanda yvette
yvonne zachary"""
)
ALSO_WORDS = word_set(
    """\
ada alma alta amber angel angelina angelo april aurora austin autumn bill blanca bonita brandy
brooke candy carol carolina cary chad charity charlotte chelsea chester christian clay cody
constance consuelo crystal daisy dale dallas dawn dean dee dixie dolly domingo don drew earl
earnest ebony ed elijah ella esperanza faith fannie fay fern flora florence frank gale gene geneva
georgia ginger glen glenn goldie grace grant guadalupe guy hazel heather holly homer hope iris
israel ivy jack jan jasmine jay jean jeremiah jesus jewel jewell jo jordan joy june kay kent kim
lacey lance laurel lee leigh lily lou lourdes luz marina mario mark marshall max may melody
mercedes merle milton mindy miranda misty moses myrtle norma norman olive opal orlando pat patty
pearl penny percy pete polly preston ray regina rex robin roman roosevelt rosario rose rosemary
ruby sally sandy santiago santos scott shelby sherry sidney socorro stella sue summer tyrone van
vera victor victoria viola violet virgil virginia wade warren wayne"""
)
"""Given names that are words, months or places as well: alone they say nothing."""
FAMILY = word_set(
    """\
abbott acevedo acosta adams adkins aguilar aguirre albert alexander alford allen allison alston
alvarado alvarez anderson andrews anthony armstrong arnold ashley atkins atkinson austin avery
avila ayala ayers bailey baird baker baldwin ball ballard banks barber barker barlow barnes
barnett barr barrera barrett barron barry bartlett barton bass bates battle bauer baxter beach
bean beard beasley beck becker bell bender benjamin bennett benson bentley benton berg berger
bernard berry best bird bishop black blackburn blackwell blair blake blanchard blankenship blevins
bolton bond bonner booker boone booth bowen bowers bowman boyd boyer boyle bradford bradley
bradshaw brady branch bray brennan brewer bridges briggs bright britt brock brooks brown browning
bruce bryan bryant buchanan buck buckley buckner bullock burch burgess burke burks burnett burns
burris burt burton bush butler byers byrd cabrera cain calderon caldwell calhoun callahan camacho
cameron campbell campos cannon cantrell cantu cardenas carey carlson carney carpenter carr
carrillo carroll carson carter carver case casey cash castaneda castillo castro cervantes chambers
chan chandler chaney chang chapman charles chase chavez chen cherry christensen christian church
clark clarke clay clayton clements clemons cleveland cline cobb cochran coffey cohen cole coleman
collier collins colon combs compton conley conner conrad contreras conway cook cooke cooley cooper
copeland cortez cote cotton cox craft craig crane crawford crosby cross cruz cummings cunningham
curry curtis dale dalton daniel daniels daugherty davenport david davidson davis dawson day dean
decker dejesus delacruz delaney deleon delgado dennis diaz dickerson dickson dillard dillon dixon
dodson dominguez donaldson donovan dorsey dotson douglas downs doyle drake dudley duffy duke
duncan dunlap dunn duran durham dyer eaton edwards elliott ellis ellison emerson england english
erickson espinoza estes estrada evans everett ewing farley farmer farrell faulkner ferguson
fernandez ferrell fields figueroa finch finley fischer fisher fitzgerald fitzpatrick fleming
fletcher flores flowers floyd flynn foley forbes ford foreman foster fowler fox francis franco
frank franklin franks frazier frederick freeman french frost fry frye fuentes fuller fulton gaines
gallagher gallegos galloway gamble garcia gardner garner garrett garrison garza gates gay gentry
george gibbs gibson gilbert giles gill gillespie gilliam gilmore glass glenn glover goff golden
gomez gonzales gonzalez good goodman goodwin gordon gould graham grant graves gray green greene
greer gregory griffin griffith grimes gross guerra guerrero guthrie gutierrez guy guzman hahn hale
haley hall hamilton hammond hampton hancock haney hansen hanson hardin harding hardy harmon harper
harrell harrington harris harrison hart hartman harvey hatfield hawkins hayden hayes haynes hays
head heath hebert henderson hendricks hendrix henry hensley henson herman hernandez herrera
herring hess hester hewitt hickman hicks higgins hill hines hinton hobbs hodge hodges hoffman
hogan holcomb holden holder holland holloway holman holmes holt hood hooper hoover hopkins hopper
horn horne horton house houston howard howe howell hubbard huber hudson huff huffman hughes hull
humphrey hunt hunter hurley hurst hutchinson hyde ingram irwin jackson jacobs jacobson james
jarvis jefferson jenkins jennings jensen jimenez johns johnson johnston jones jordan joseph joyce
joyner juarez justice kane kaufman keith keller kelley kelly kemp kennedy kent kerr key kidd kim
king kinney kirby kirk kirkland klein kline knapp knight knowles knox koch kramer lamb lambert
lancaster landry lane lang langley lara larsen larson lawrence lawson le leach leblanc lee leon
leonard lester levine levy lewis lindsay lindsey little livingston lloyd logan long lopez lott
love lowe lowery lucas luna lynch lynn lyons macdonald macias mack madden maddox maldonado malone
mann manning marks marquez marsh marshall martin martinez mason massey mathews mathis matthews
maxwell may mayer maynard mayo mays mcbride mccall mccarthy mccarty mcclain mcclure mcconnell
mccormick mccoy mccray mccullough mcdaniel mcdonald mcdowell mcfadden mcfarland mcgee mcgowan
mcguire mcintosh mcintyre mckay mckee mckenzie mckinney mcknight mclaughlin mclean mcleod mcmahon
mcmillan mcneil mcpherson meadows medina mejia melendez melton mendez mendoza mercado mercer
merrill merritt meyer meyers michael middleton miles miller mills miranda mitchell molina monroe
montgomery montoya moody moon mooney moore morales moran moreno morgan morin morris morrison
morrow morse morton moses mosley moss mueller mullen mullins munoz murphy murray myers nash
navarro neal nelson newman newton nguyen nichols nicholson nielsen nieves nixon noble noel nolan
norman norris norton nunez obrien ochoa oconnor odom odonnell oliver olsen olson oneal oneil
oneill orr ortega ortiz osborn osborne owen owens pace pacheco padilla page palmer park parker
parks parrish parsons pate patel patrick patterson patton paul payne pearson peck pena pennington
perez perkins perry peters petersen peterson petty phelps phillips pickett pierce pittman pitts
pollard poole pope porter potter potts powell powers pratt preston price prince pruitt puckett
pugh quinn ramirez ramos ramsey randall randolph rasmussen ratliff ray raymond reed reese reeves
reid reilly reyes reynolds rhodes rice rich richard richards richardson richmond riddle riggs
riley rios rivas rivera rivers roach robbins roberson roberts robertson robinson robles rocha
rodgers rodriguez rodriquez rogers rojas rollins roman romero rosa rosales rosario rose ross roth
rowe rowland roy ruiz rush russell russo rutledge ryan salas salazar salinas sampson sanchez
sanders sandoval sanford santana santiago santos sargent saunders savage sawyer schmidt schneider
schroeder schultz schwartz scott sears sellers serrano sexton shaffer shannon sharp sharpe shaw
shelton shepard shepherd sheppard sherman shields short silva simmons simon simpson sims singleton
skinner slater sloan small smith snider snow snyder solis solomon sosa soto sparks spears spence
spencer stafford stanley stanton stark steele stein stephens stephenson stevens stevenson stewart
stokes stone stout strickland strong stuart suarez sullivan summers sutton swanson sweeney sweet
sykes talley tanner tate taylor terrell terry thomas thompson thornton tillman todd torres
townsend tran travis trevino trujillo tucker turner tyler tyson underwood valdez valencia
valentine valenzuela vance vang vargas vasquez vaughan vaughn vazquez vega velasquez velazquez
velez villarreal vincent vinson wade wagner walker wall wallace waller walls walsh walter walters
walton ward ware warner warren washington waters watkins watson watts weaver webb weber webster
weeks weiss welch wells west wheeler whitaker white whitehead whitfield whitley whitney wiggins
wilcox wilder wiley wilkerson wilkins wilkinson william williams williamson willis wilson winters
wise witt wolf wolfe wong wood woodard woods woodward wooten workman wright wyatt wynn yang yates
york young zamora zimmerman"""
)
